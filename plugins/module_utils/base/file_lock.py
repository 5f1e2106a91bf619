"""One process at a time: a lock that the kernel drops when its holder dies, however it dies. The locks there are: environment/locks.py."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.base.waiting import looks

_SECONDS_BETWEEN_TRIES = 0.05


@contextmanager
def exclusive(path: Path, waiting: Callable[[], None] = lambda: None, patience: float | None = None) -> Iterator[None]:
    """`waiting` is called once when another process holds the lock; after `patience` seconds a Refusal tells which."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
    # Nobody else may open the file, since whoever can read a file can lock it.
    held = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            _await(held, path, patience)
        yield
    finally:
        os.close(held)


def _await(held: int, path: Path, patience: float | None) -> None:
    if patience is None:
        fcntl.flock(held, fcntl.LOCK_EX)
        return
    for _look in looks(patience, interval=_SECONDS_BETWEEN_TRIES):
        with suppress(BlockingIOError):
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
    raise Refusal(f"{path} is locked for more than {patience:g} s by {_holder(path)}", "let it finish or end it, then run this again")


def _holder(path: Path) -> str:
    status = path.stat()
    place = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    for line in Path("/proc/locks").read_text(encoding="ascii").splitlines():
        match line.split():
            case [_, "FLOCK", _, _, process, held, *_] if held == place:
                return f"process {process}{_command(process)}"
    return "a process that cannot be seen from here"


def _command(process: str) -> str:
    try:
        words = Path(f"/proc/{process}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return ""
    return f" ({' '.join(words).strip()[:120]})"
