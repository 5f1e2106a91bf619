"""Whether somebody still watches: whoever does has a file locked, and the kernel drops a lock however its holder dies."""

from __future__ import annotations

import fcntl
from pathlib import Path


class WatchSession:
    def __init__(self, file: str) -> None:
        self._file = Path(file)

    @property
    def is_open(self) -> bool:
        try:
            with self._file.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    def forget(self) -> None:
        """Whoever was killed left the file behind."""
        self._file.unlink(missing_ok=True)
