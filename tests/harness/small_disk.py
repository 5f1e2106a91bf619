"""A small file system that nobody else uses, which a test fills and makes room on."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

MEBIBYTE = 1 << 20
# What is left for the last, smaller ones is less than anybody can use.
_PIECES = (MEBIBYTE, 4096)


@dataclass(frozen=True)
class SmallDisk:
    folder: Path

    @property
    def _ballast(self) -> Path:
        return self.folder / "ballast"

    def fill_by(self, share: float) -> None:
        """Takes that share of what is free."""
        self.fill(int(self.free * (1 - share)))

    def fill(self, spare: int = 0) -> None:
        """To the last byte, or until no more than so many are free. What was filled before stays so."""
        with self._ballast.open("ab") as ballast:
            for piece in _PIECES:
                while self.free - piece >= spare and _takes(ballast.fileno(), self._ballast.stat().st_size, piece):
                    pass

    @property
    def free(self) -> int:
        found = os.statvfs(self.folder)
        return found.f_bavail * found.f_frsize

    def make_room(self) -> None:
        self._ballast.unlink()


def _takes(file: int, offset: int, size: int) -> bool:
    try:
        os.posix_fallocate(file, offset, size)
    except OSError:
        return False
    return True


@contextmanager
def small_disk(folder: Path, name: str = "disk", mebibytes: int = 64) -> Iterator[SmallDisk]:
    """Mounted below that folder."""
    image, mountpoint = folder / f"{name}.img", folder / name
    mountpoint.mkdir()
    with image.open("wb") as file:
        file.truncate(mebibytes * MEBIBYTE)
    subprocess.run(["mkfs.ext4", "-q", "-m", "0", image], check=True)
    subprocess.run(["mount", "-o", "loop", image, mountpoint], check=True)
    try:
        yield SmallDisk(mountpoint)
    finally:
        subprocess.run(["umount", mountpoint], check=True)
        image.unlink()
