"""Which major version of MariaDB this image has."""

from __future__ import annotations

import subprocess


def image_major() -> str:
    return subprocess.run(["database-major"], capture_output=True, text=True, check=True).stdout.strip()
