"""The kernel's encryption of folders (fscrypt): its key and policy calls, and the opening of a volume that is locked.

It imports nothing of the collection: a copy of this file opens the volume when the machine boots.
The structures are those of linux/fscrypt.h. Why not the command fscrypt: docs/decisions/076.
"""

from __future__ import annotations

import base64
import errno
import fcntl
import hashlib
import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# The name of the folder inside the file system; everything below it is encrypted.
ENCRYPTED = "volumes"
_SET_POLICY, _GET_POLICY, _ADD_KEY, _REMOVE_KEY, _KEY_STATUS = 0x800C6613, 0xC0096616, 0xC0506617, 0xC0406618, 0xC080661A
_VERSION_2, _AES_256_XTS, _AES_256_CTS, _PAD_32 = 2, 1, 4, 3
_POLICY = struct.Struct("=BBBBB3x16s")
_BY_IDENTIFIER = 2
_SPECIFIER = struct.Struct("=I4x16s16x")
_PRESENT = 2


class WrongKeyError(Exception):
    """The folder was encrypted with another key."""


def add_key(place: Path, key: bytes) -> bytes:
    """Gives the key to the kernel, for the whole file system of `place`, and returns its identifier."""
    request = bytearray(_SPECIFIER.pack(_BY_IDENTIFIER, b"") + struct.pack("=I36x", len(key)) + key)
    _call(place, _ADD_KEY, request)
    return bytes(request[8:24])


def remove_key(place: Path, identifier: bytes) -> None:
    _call(place, _REMOVE_KEY, bytearray(_SPECIFIER.pack(_BY_IDENTIFIER, identifier) + bytes(24)))


def has_key(place: Path, identifier: bytes) -> bool:
    request = bytearray(_SPECIFIER.pack(_BY_IDENTIFIER, identifier) + bytes(88))
    _call(place, _KEY_STATUS, request)
    return bool(struct.unpack_from("=I", request, 64)[0] == _PRESENT)


def encrypt(folder: Path, identifier: bytes) -> None:
    """Encrypts an empty folder: whatever is written into it from now on."""
    _call(folder, _SET_POLICY, bytearray(_POLICY.pack(_VERSION_2, _AES_256_XTS, _AES_256_CTS, _PAD_32, 0, identifier)))


def key_of(folder: Path) -> bytes | None:
    """The identifier of the key that a folder is encrypted with."""
    request = bytearray(struct.pack("=Q", _POLICY.size) + bytes(_POLICY.size))
    try:
        _call(folder, _GET_POLICY, request)
    except OSError as error:
        if error.errno == errno.ENODATA:
            return None
        raise
    return bytes(_POLICY.unpack_from(request, 8)[-1])


def master_key(file: Path) -> bytes:
    # Older kernels insist on a key of 64 bytes.
    return hashlib.sha512(base64.b64decode(file.read_text(encoding="ascii"), validate=True)).digest()


def attach(image: Path, mount: Path) -> None:
    if not mount.is_mount():
        mount.mkdir(mode=0o711, parents=True, exist_ok=True)
        subprocess.run(["mount", "-o", "loop,noatime", "--", str(image), str(mount)], capture_output=True, text=True, check=True)


def open_volume(image: Path, mount: Path, key_file: Path) -> None:
    """Mounts the file system in `image` and unlocks it."""
    attach(image, mount)
    folder = mount / ENCRYPTED
    folder.mkdir(mode=0o711, exist_ok=True)
    identifier = add_key(mount, master_key(key_file))
    if key_of(folder) is None:
        encrypt(folder, identifier)
    elif key_of(folder) != identifier:
        remove_key(mount, identifier)
        raise WrongKeyError(str(key_file))


@contextmanager
def _opened(place: Path) -> Iterator[int]:
    descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _call(place: Path, number: int, request: bytearray) -> None:
    with _opened(place) as descriptor:
        fcntl.ioctl(descriptor, number, request)


if __name__ == "__main__":
    open_volume(*(Path(argument) for argument in sys.argv[1:4]))
