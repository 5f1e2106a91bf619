"""`python -m orders.edited api_gateway` runs that program, and begins it anew whenever a file of a package beside this one changed."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

_SECONDS_BETWEEN_LOOKS = 0.2
# What the old code is still answering gets this long. At the end of all it gets what the container has.
_SECONDS_TO_LEAVE = 0.3

Stamps = dict[Path, tuple[int, int]]


def main(program: str) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    folder = Path.cwd()
    while True:
        seen = stamps(folder)
        run = subprocess.Popen([sys.executable, "-m", program])
        try:
            await_change(folder, seen)
        except SystemExit:
            run.terminate()
            run.wait()
            raise
        print(f"{program} begins anew", file=sys.stderr, flush=True)
        _end(run)


def stamps(folder: Path) -> Stamps:
    """When each file was written, and how long it is."""
    found: Stamps = {}
    for package in folder.glob("*/__init__.py"):
        for path in package.parent.rglob("*.py"):
            try:
                status = path.stat()
            except FileNotFoundError:
                # An editor that puts a new file in the place of the old one.
                continue
            found[path] = (status.st_mtime_ns, status.st_size)
    return found


def await_change(folder: Path, seen: Stamps) -> None:
    while stamps(folder) == seen:
        time.sleep(_SECONDS_BETWEEN_LOOKS)


def _end(run: subprocess.Popen[bytes]) -> None:
    run.terminate()
    try:
        run.wait(_SECONDS_TO_LEAVE)
    except subprocess.TimeoutExpired:
        run.kill()
        run.wait()


if __name__ == "__main__":
    main(sys.argv[1])
