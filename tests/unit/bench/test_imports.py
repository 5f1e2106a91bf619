"""Benchmarks run by hand only, so nothing else would notice that what they import has moved."""

from __future__ import annotations

import os
import subprocess
import sys

from areas import CHECKOUT


def test_every_benchmark_finds_what_it_imports() -> None:
    path = os.pathsep.join(str(CHECKOUT / folder) for folder in (".collections", "apps", "tests", "tests/load"))
    modules = [f"bench.{file.stem}" for file in sorted((CHECKOUT / "bench").glob("*.py")) if file.stem != "__init__"]
    command = [sys.executable, "-c", f"import {', '.join(modules)}"]
    done = subprocess.run(command, cwd=CHECKOUT, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
