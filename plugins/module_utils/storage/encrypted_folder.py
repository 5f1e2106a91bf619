"""Encryption at rest for an engine that has none of its own: folders in a file system of their own, in a file, encrypted by the kernel.

So it works whatever the host's file system is, and without a device mapper. The price is a size that is reserved from the start.
"""

from __future__ import annotations

import errno
import inspect
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.echobase.platform.plugins.module_utils.base.atomic_file import sync_directory, write_durably
from ansible_collections.echobase.platform.plugins.module_utils.base.byte_size import MIB
from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.base.waiting import wait_until
from ansible_collections.echobase.platform.plugins.module_utils.environment.inside import DATABASE
from ansible_collections.echobase.platform.plugins.module_utils.environment.locks import encrypted_folder_lock
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment
from ansible_collections.echobase.platform.plugins.module_utils.storage import fscrypt
from ansible_collections.echobase.platform.plugins.module_utils.storage.folder_copy import exchange, make_same

_SMALLEST = 256 * MIB
# Less than this share of free space is too little.
_SCARCE = 0.1
_LETTING_GO_SECONDS = 3
_UNITS = Path("/etc/systemd/system")
_UNIT = """\
# Written by module durable_db: opens the encrypted volume before the containers that work on it start.
[Unit]
Description=Encrypted database volume of echobase {name}
RequiresMountsFor={image} {key_file}
Before=docker.service
ConditionPathExists={key_file}

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/bin/env python3 {script} {image} {mount} {key_file}

[Install]
# Whatever starts the engine, its socket included, waits for it.
WantedBy=multi-user.target docker.service
"""


@dataclass(frozen=True)
class EncryptedFolder:
    """`size` is in bytes. A folder that exists grows to it and never shrinks; without a size it stays as it is."""

    env: Environment
    service: str
    size: int = 0

    @property
    def image(self) -> Path:
        return Path(self.env.path("encrypted", f"{self.service}.img"))

    @property
    def mount(self) -> Path:
        return Path(self.env.path("encrypted", self.service))

    @property
    def key_file(self) -> Path:
        return Path(self.env.path("secrets", "volume_key"))

    def folder(self, volume: str) -> Path:
        return self.mount / fscrypt.ENCRYPTED / volume

    def driver_options(self, volume: str) -> dict[str, str]:
        """The options of a Docker volume that is a folder in here. Where this is not mounted, Docker finds nothing and starts nothing."""
        return {"type": "none", "o": "bind", "device": str(self.folder(volume))}

    def holds(self, options: dict[str, str] | None) -> bool:
        """Whether a Docker volume with these options is a folder in here."""
        return (options or {}).get("device", "").startswith(f"{self.mount}/")

    def is_open(self) -> bool:
        encrypted = self.mount / fscrypt.ENCRYPTED
        if not self.mount.is_mount() or not encrypted.is_dir():
            return False
        identifier = fscrypt.key_of(encrypted)
        return identifier is not None and fscrypt.has_key(self.mount, identifier)

    def is_too_small(self) -> bool:
        return self.image.exists() and _size_of_ext4(self.image) < self.size // MIB * MIB

    def open(self) -> None:
        """Make what is missing, make it as large as wanted, unlock it."""
        with encrypted_folder_lock(self.image, self.service):
            try:
                if not self.image.exists():
                    self._make_image()
                grow = self.is_too_small()
                if grow and self._is_unused():
                    self._grow(str(self.image))
                    grow = False
                fscrypt.open_volume(self.image, self.mount, self.key_file)
                if grow:
                    self._grow_in_use()
                self._open_at_boot()
            except fscrypt.WrongKeyError as error:
                cut_off = f"the change of its key was cut off: run {playbook('rotate_secrets', rotate='db_volume_key')} again"
                raise Refusal(
                    f"{self.image} was encrypted with another key than {self.key_file}",
                    cut_off if self._next_key_file.exists() else "restore the environment's secrets.json from its backup",
                ) from error
            except FileNotFoundError as error:
                raise self._cannot_be_opened(f"there is no {error.filename}") from error
            except subprocess.CalledProcessError as error:
                raise self._cannot_be_opened(error.stderr.strip().rpartition("\n")[2] or f"{error.cmd[0]} failed") from error
            except OSError as error:
                unable = error.errno in (errno.ENOTTY, errno.EOPNOTSUPP)
                raise self._cannot_be_opened("this kernel encrypts no folders" if unable else error.strerror or str(error)) from error

    def make_folder(self, volume: str) -> None:
        """Makes the empty folder of a new volume."""
        folder = self.folder(volume)
        folder.mkdir(mode=0o700, exist_ok=True)
        os.chown(folder, DATABASE, DATABASE)
        sync_directory(folder.parent)

    def remove_folder(self, volume: str) -> None:
        """Removes the folder of a volume; with the last one, or where the key is lost, the whole file system goes."""
        if not self.is_open():
            try:
                self.open()
            except Refusal:
                self._remove()
                return
        shutil.rmtree(self.folder(volume), ignore_errors=True)
        if not any((self.mount / fscrypt.ENCRYPTED).iterdir()):
            self._remove()

    def has_next_key(self) -> bool:
        """Whether the served data are already encrypted with the key that is to take the place of the present one."""
        fscrypt.attach(self.image, self.mount)
        identifier = fscrypt.add_key(self.mount, fscrypt.master_key(self._next_key_file))
        return fscrypt.key_of(self.mount / fscrypt.ENCRYPTED) == identifier

    def copy_to_next(self) -> None:
        """Copies the served data under the next key; a second call copies what has changed since."""
        identifier = fscrypt.add_key(self.mount, fscrypt.master_key(self._next_key_file))
        if self._next.exists() and fscrypt.key_of(self._next) != identifier:
            # An earlier change of the key may have left this behind.
            self.remove_former()
        served = self.mount / fscrypt.ENCRYPTED
        if not self._next.exists():
            self._refuse_without_room(served)
            self._next.mkdir(mode=0o711)
            fscrypt.encrypt(self._next, identifier)
        make_same(served, self._next)
        _run("sync", "--file-system", str(self._next))

    def exchange(self) -> None:
        """Has the served data and their copy change places in one step."""
        exchange(self.mount / fscrypt.ENCRYPTED, self._next)

    def remove_former(self) -> None:
        """Removes the data under the former key, and has the kernel forget that key."""
        if not self._next.exists():
            return
        former = fscrypt.key_of(self._next)
        shutil.rmtree(self._next)
        if former and former != fscrypt.key_of(self.mount / fscrypt.ENCRYPTED) and fscrypt.has_key(self.mount, former):
            fscrypt.remove_key(self.mount, former)

    @property
    def _next(self) -> Path:
        return self.mount / f"{fscrypt.ENCRYPTED}.next"

    @property
    def _next_key_file(self) -> Path:
        return self.key_file.with_name("volume_key_next")

    def _refuse_without_room(self, served: Path) -> None:
        free = shutil.disk_usage(self.mount).free // MIB
        taken = int(_run("du", "--summarize", "--block-size=1M", str(served)).split()[0])
        # Data that are written while they are copied take room, too.
        if free < taken * 1.1:
            raise Refusal(
                f"{self.image} has {free} MiB left, and a second copy of its {taken} MiB does not fit",
                f"a larger durable_db_encrypted_size and {playbook('setup_durable')} make it grow; then run this again",
            )

    def shortage(self) -> str:
        """Warns a user that there is too little room; empty while there is enough."""
        if not self.is_open():
            return ""
        usage = shutil.disk_usage(self.mount)
        if usage.free > usage.total * _SCARCE:
            return ""
        return (
            f"{self.image} has only {usage.free // MIB} MiB of {usage.total // MIB} MiB left, and a database that finds none stops;"
            " a larger durable_db_encrypted_size makes it grow, without an interruption"
        )

    def _make_image(self) -> None:
        if self.size < _SMALLEST:
            raise Refusal(
                f"durable_db_encrypted_size is {self.size // MIB} MiB, too little for a database", f"give it {_SMALLEST // MIB}m or more"
            )
        fresh = self.image.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        self._reserve(fresh)
        _run("mkfs.ext4", "-q", "-O", "encrypt", "-m", "0", "-L", f"echobase-{self.env.name}"[:16], str(fresh))
        fresh.replace(self.image)
        sync_directory(self.image.parent)

    def _is_unused(self) -> bool:
        """Unmounts it, and tells whether nobody else has it mounted: only then the kernel lets go of the file."""
        if self.mount.is_mount():
            device = self.mount.stat().st_dev
            place = f" {os.major(device)}:{os.minor(device)} "
            if Path("/proc/self/mountinfo").read_text(encoding="utf-8").count(place) > 1:
                return False
            _run("umount", str(self.mount))
        # A container that is just being made, whoever makes it, holds all mounts for a moment.
        return wait_until(lambda: not _run("losetup", "--associated", str(self.image)), _LETTING_GO_SECONDS, interval=0.05)

    def _grow(self, device: str) -> None:
        self._reserve(self.image)
        # An interrupted growth is put in order first; status 1 says that there was one.
        subprocess.run(["e2fsck", "-f", "-p", device], capture_output=True, text=True, check=False)
        _run("resize2fs", device)

    def _grow_in_use(self) -> None:
        self._reserve(self.image)
        device = _run("findmnt", "--noheadings", "--output", "SOURCE", "--mountpoint", str(self.mount))
        _run("losetup", "--set-capacity", device)
        try:
            _run("resize2fs", device)
        except subprocess.CalledProcessError as error:
            raise Refusal(
                f"{self.mount} cannot grow while the database uses it: {error.stderr.strip().rpartition(chr(10))[2]}",
                f"run {playbook('setup_durable', durable_db_state='stopped')}, then {playbook('setup_durable')}",
            ) from error

    def _reserve(self, file: Path) -> None:
        """Takes real space: a disk that others fill must not break the file system in it."""
        free = shutil.disk_usage(file.parent).free + (file.stat().st_size if file.exists() else 0)
        if free < self.size:
            raise Refusal(
                f"{file.parent} has {free // MIB} MiB for the encrypted volume, durable_db_encrypted_size asks for {self.size // MIB} MiB",
                "make room there (df -h), or set a smaller durable_db_encrypted_size",
            )
        with file.open("ab") as stream:
            file.chmod(0o600)
            os.posix_fallocate(stream.fileno(), 0, self.size)
            os.fsync(stream.fileno())

    def _open_at_boot(self) -> None:
        if not Path("/run/systemd/system").is_dir():
            return
        script = self.image.with_name("open_volume.py")
        unit = _UNITS / f"echobase-{self.env.name}-{self.service}-volume.service"
        content = _UNIT.format(name=self.env.name, image=self.image, mount=self.mount, key_file=self.key_file, script=script)
        for path, wanted in ((script, inspect.getsource(fscrypt)), (unit, content)):
            if not path.exists() or path.read_text(encoding="utf-8") != wanted:
                write_durably(path, wanted, mode=0o644)
        _run("systemctl", "enable", "--quiet", unit.name)

    def _remove(self) -> None:
        if self.mount.is_mount():
            _run("umount", str(self.mount))
        if self.mount.is_dir():
            self.mount.rmdir()
        self.image.unlink(missing_ok=True)
        unit = _UNITS / f"echobase-{self.env.name}-{self.service}-volume.service"
        if unit.exists():
            _run("systemctl", "disable", "--quiet", unit.name)
            unit.unlink()

    def _cannot_be_opened(self, reason: str) -> Refusal:
        return Refusal(
            f"the encrypted volume {self.mount} cannot be opened: {reason}",
            f"remove that cause, then run {playbook('setup_durable')}; where the disk itself is encrypted, a new database can"
            " do without such a volume: durable_db_encryption_at_rest=off",
        )


def _size_of_ext4(image: Path) -> int:
    """The size that the superblock says; the file may be larger after a growth that was interrupted."""
    with image.open("rb") as file:
        file.seek(1024)
        superblock = file.read(1024)
    blocks, block_size, more_blocks = (int.from_bytes(superblock[start : start + 4], "little") for start in (0x4, 0x18, 0x150))
    return (blocks + (more_blocks << 32)) * (1024 << block_size)


def _run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
