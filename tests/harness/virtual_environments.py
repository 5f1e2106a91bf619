"""Virtual environments for what does not live with ours: other versions of Ansible, and tools of collections with packages of their own.

They stay below .cache for the next run.
"""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from areas import CHECKOUT

_PIP_FAILED = re.compile(r"No matching distribution found.*|Temporary failure in name resolution|Connection refused|Network is unreachable")


@functools.cache
def environment_with(*requirements: str, python: Path = Path(sys.executable)) -> Path:
    """The folder of its programs. A test is skipped where the packages cannot be had."""
    name = re.sub(r"[^\w.]+", "-", " ".join(requirements)).strip("-")
    place = CHECKOUT / ".cache" / "tools" / f"{name}-on-{'.'.join(map(str, version_of(python)))}"
    programs = place / "bin"
    if not (place / "complete").exists():
        subprocess.run([str(python), "-m", "venv", "--clear", str(place)], check=True, capture_output=True)
        pip = [str(programs / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements]
        done = subprocess.run(pip, capture_output=True, text=True, check=False)
        if done.returncode != 0 and (reason := _PIP_FAILED.search(done.stderr)):
            pytest.skip(f"{' '.join(requirements)} cannot be had: {reason[0]}")
        assert done.returncode == 0, done.stderr
        (place / "complete").touch()
    return programs


def newest_python() -> Path:
    """Looks in the search path, and beside the Python that runs this: pyenv and its like keep their versions in one folder."""
    beside = Path(sys.base_prefix).parent.glob("*/bin/python3")
    found = [Path(path) for name in ("python3.14", "python3.13", "python3.12") if (path := shutil.which(name))]
    return max((Path(sys.executable), *found, *beside), key=version_of)


@functools.cache
def version_of(python: Path) -> tuple[int, ...]:
    """It is empty of a program that does not start, and of one that is not released yet."""
    code = "import sys; print(*sys.version_info[:2] if sys.version_info.releaselevel == 'final' else ())"
    told = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=False)
    return tuple(int(part) for part in told.stdout.split()) if told.returncode == 0 else ()
