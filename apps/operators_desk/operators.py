"""The operators' accounts: a file in htpasswd's format, read again whenever it changes."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from api_gateway.passwords import MOST_BYTES, Passwords

log = logging.getLogger("operators_desk")

_BCRYPT = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}")
# It becomes the value of a header.
_NAME = re.compile(r"[A-Za-z0-9._@+-]{1,64}")
_LEAST_COST = 4


@dataclass(frozen=True)
class _Accounts:
    version: tuple[int, int, int]
    hashes: dict[str, str]
    passwords: Passwords = field(repr=False)

    def credential(self, name: str) -> str:
        hashed = self.hashes.get(name)
        return hashlib.sha256(hashed.encode()).hexdigest()[:16] if hashed else ""


class Operators:
    def __init__(self, file: Path) -> None:
        self._file = file
        self._accounts = self._load()
        self._told: Callable[[Mapping[str, str]], None] = lambda _: None

    def credential(self, name: str) -> str:
        """Gives a value that changes with the operator's password; empty if there is no such operator."""
        return self._current().credential(name)

    def on_change(self, told: Callable[[Mapping[str, str]], None]) -> None:
        """Has a listener told each operator's credential, now and again whenever the file was read anew."""
        self._told = told
        self._tell()

    async def fits(self, name: str, password: str) -> bool:
        """Whether the password is the operator's. This takes as long for a name that does not exist."""
        accounts = self._current()
        return len(password.encode()) <= MOST_BYTES and await accounts.passwords.fits(password, accounts.hashes.get(name))

    def _current(self) -> _Accounts:
        try:
            if self._version() != self._accounts.version:
                self._accounts = self._load()
                self._tell()
        except OSError as error:
            log.error("%s cannot be read, what it said before still holds: %s", self._file, error)
        return self._accounts

    def _tell(self) -> None:
        self._told({name: self._accounts.credential(name) for name in self._accounts.hashes})

    def _version(self) -> tuple[int, int, int]:
        found = self._file.stat()
        return found.st_ino, found.st_mtime_ns, found.st_size

    def _load(self) -> _Accounts:
        version = self._version()
        hashes = {}
        costs = [_LEAST_COST]
        for number, line in enumerate(self._file.read_text().splitlines(), start=1):
            name, _, hashed = line.strip().partition(":")
            if not name or name.startswith("#"):
                continue
            kind = _BCRYPT.fullmatch(hashed)
            if kind is None or not _NAME.fullmatch(name):
                log.warning("%s, line %d is left out: not a plain name with a bcrypt hash, as htpasswd -B makes it", self._file, number)
                continue
            hashes[name] = hashed
            costs.append(int(kind[1]))
        return _Accounts(version, hashes, Passwords(max(costs)))
