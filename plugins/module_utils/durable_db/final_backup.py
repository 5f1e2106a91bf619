"""The copy that is taken before data are deleted: a dump of everything, and the keys without which it cannot be read."""

from __future__ import annotations

import datetime
import gzip
import os
import shutil
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from ansible_collections.echobase.platform.plugins.module_utils.base.atomic_file import sync_directory
from ansible_collections.echobase.platform.plugins.module_utils.base.commands import LOOK_FOR_DISK_ERRORS
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment

_CHUNK = 1 << 20


@dataclass(frozen=True)
class FinalBackup:
    env: Environment

    def take(self, dump: Callable[[BinaryIO], None], trailer: bytes) -> Path:
        """Gives the finished folder, which has its name only once all in it is verified and on disk. A whole dump ends with the trailer."""
        shelf = Path(self.env.home).parent / "final-backups"
        shelf.mkdir(mode=0o700, parents=True, exist_ok=True)
        stamp = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        folder = shelf / f"{self.env.name}-{stamp}"
        partial = shelf / f".{folder.name}"
        partial.mkdir(mode=0o700)
        try:
            self._fill(partial, dump, trailer)
            partial.rename(folder)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        sync_directory(shelf)
        return folder

    def _fill(self, folder: Path, dump: Callable[[BinaryIO], None], trailer: bytes) -> None:
        archive = folder / "all-databases.sql.gz"
        with _new_file(archive) as file:
            with gzip.GzipFile(fileobj=file, mode="wb", compresslevel=6) as stream:
                dump(cast(BinaryIO, stream))
            _sync(file)
        verify(archive, trailer)
        keys = Path(self.env.path("secrets.json"))
        if keys.exists():
            with _new_file(folder / keys.name) as file:
                file.write(keys.read_bytes())
                _sync(file)
        sync_directory(folder)


def verify(archive: Path, trailer: bytes) -> None:
    """Reads it back whole: every checksum holds and the dump says that it is complete."""
    end = b""
    try:
        with gzip.open(archive) as stream:
            while chunk := stream.read(_CHUNK):
                end = (end + chunk)[-200:]
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise Refusal(
            f"the final backup {archive} cannot be read back ({error})", f"nothing was deleted; {LOOK_FOR_DISK_ERRORS}, then run this again"
        ) from error
    if trailer not in end:
        raise Refusal(
            f"the final backup {archive} is incomplete",
            "nothing was deleted; see docker logs of the database's container, then run this again",
        )


def _new_file(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
