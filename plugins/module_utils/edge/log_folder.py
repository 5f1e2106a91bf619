"""The folder of the edge's access log: nginx writes it, the operators' desk reads it, and no other account does."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from ansible_collections.echobase.platform.plugins.module_utils.environment.inside import APPLICATION, NGINX

# The desk, which reads the logs, runs as the application's user. With the group's bit of the folder, a new log belongs to its group,
# whoever begins it.
FOLDER_MODE = 0o2750
_FILE_MODE = 0o640


class EdgeLogFolder:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def outdated(self) -> list[Path]:
        """The paths that are missing, or are open to others than those who need them."""
        if not self._folder.is_dir():
            return [self._folder]
        found = self._folder.stat()
        is_ours = (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (NGINX, APPLICATION, FOLDER_MODE)
        return [*([] if is_ours else [self._folder]), *(log for log in self._folder.iterdir() if _is_open(log))]

    def converge(self) -> None:
        self._folder.mkdir(mode=0o750, exist_ok=True)
        os.chown(self._folder, NGINX, APPLICATION)
        self._folder.chmod(FOLDER_MODE)
        for log in self._folder.iterdir():
            if _is_open(log):
                os.chown(log, -1, APPLICATION)
                log.chmod(_FILE_MODE)


def _is_open(log: Path) -> bool:
    """nginx begins a log as root and gives it to its workers later, so either may own it."""
    found = log.stat()
    return (found.st_gid, stat.S_IMODE(found.st_mode)) != (APPLICATION, _FILE_MODE)
