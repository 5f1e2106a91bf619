"""One process at a time on this machine, also across checkouts and state folders: container names are the machine's."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_FOLDER = Path("/run/lock")


@contextmanager
def host_lock(name: str) -> Iterator[None]:
    """Waits until the lock is free; the kernel frees it when its holder dies."""
    descriptor = os.open(_FOLDER / f"echobase-{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
