"""The compiled programs of this machine: known by what they were compiled from, outside any checkout, never half there."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ansible_collections.echobase.platform.plugins.module_utils.base.atomic_file import sync_directory

OF_THE_MACHINE = Path("/var/cache/echobase/programs")
# So many versions of a program stay: the one in use, and those of two other checkouts or of the days before.
_KEPT = 3


def usual_folder() -> Path:
    return OF_THE_MACHINE if os.geteuid() == 0 else Path.home() / ".cache/echobase/programs"


class ProgramCache:
    """A program lies at <key>/<name>."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def identity(self) -> str:
        """Names what is made on the engine while programs of this folder are compiled."""
        return hashlib.sha256(str(self.folder.resolve()).encode()).hexdigest()[:8]

    @property
    def lock(self) -> Path:
        return self.folder / ".lock"

    def path(self, key: str, name: str) -> Path:
        return self.folder / key / name

    def has(self, key: str, name: str) -> bool:
        return self.path(key, name).is_file()

    def read(self, key: str, name: str) -> bytes:
        path = self.path(key, name)
        content = path.read_bytes()
        # It is used: `tidy` goes by this.
        os.utime(path)
        return content

    @contextmanager
    def adding(self, key: str, name: str) -> Iterator[IO[bytes]]:
        """What is written gets its name once it is whole and on disk."""
        path = self.path(key, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{name}.")
        try:
            with os.fdopen(descriptor, "wb") as stream:
                yield stream
                os.fchmod(stream.fileno(), 0o755)
                stream.flush()
                os.fsync(stream.fileno())
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        sync_directory(path.parent)

    def tidy(self, name: str) -> None:
        """Removes old versions, and what a run that was killed left behind. Whoever holds the lock calls it."""
        versions = sorted(self.folder.glob(f"*/{name}"), key=lambda path: path.stat().st_mtime, reverse=True)
        for outdated in versions[_KEPT:]:
            shutil.rmtree(outdated.parent)
        for left in self.folder.glob(f"*/.{name}.*"):
            left.unlink()
