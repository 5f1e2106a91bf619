"""A folder made the same as another one, by copying only what differs, and put in its place."""

from __future__ import annotations

import ctypes
import os
import shutil
import stat
import time
from pathlib import Path

from ansible_collections.echobase.platform.plugins.module_utils.base.atomic_file import sync_directory

# These numbers are from linux/fs.h and fcntl.h.
_RENAME_EXCHANGE, _HERE = 2, -100
# A file that was changed so shortly before it was read may change again without showing a later time.
_NANOSECONDS_OF_DOUBT = 1_000_000_000


def make_same(source: Path, target: Path) -> None:
    """Copies owners, modes and times, too. The next call finds whatever changes meanwhile."""
    kept = {entry.name for entry in os.scandir(source)}
    for entry in os.scandir(target):
        if entry.name not in kept:
            _remove(Path(entry.path))
    for name in sorted(kept):
        try:
            _copy(source / name, target / name)
        except FileNotFoundError:
            # The file was removed meanwhile, so its copy is removed, too.
            if not os.path.lexists(source / name):
                _remove(target / name)
                continue
            raise


def exchange(one: Path, other: Path) -> None:
    """Has two folders change names in one step."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _RENAME_EXCHANGE) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(one))
    sync_directory(one.parent)


def _copy(source: Path, target: Path) -> None:
    found = source.lstat()
    there = target.lstat() if os.path.lexists(target) else None
    if there and stat.S_IFMT(there.st_mode) != stat.S_IFMT(found.st_mode):
        _remove(target)
        there = None
    if stat.S_ISDIR(found.st_mode):
        target.mkdir(mode=0o700, exist_ok=True)
        make_same(source, target)
    elif stat.S_ISLNK(found.st_mode):
        _remove(target)
        target.symlink_to(source.readlink())
    elif stat.S_ISREG(found.st_mode):
        if there and (there.st_size, there.st_mtime_ns) == (found.st_size, found.st_mtime_ns):
            return
        doubtful = found.st_mtime_ns > time.time_ns() - _NANOSECONDS_OF_DOUBT
        with source.open("rb") as reader, target.open("wb") as writer:
            shutil.copyfileobj(reader, writer, 1 << 20)
        os.utime(target, ns=(found.st_atime_ns, 0 if doubtful else found.st_mtime_ns))
    else:
        # Sockets are made anew by whoever listens.
        return
    os.lchown(target, found.st_uid, found.st_gid)
    if not stat.S_ISLNK(found.st_mode):
        target.chmod(stat.S_IMODE(found.st_mode))


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
