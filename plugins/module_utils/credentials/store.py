"""The source of truth for an environment's secrets: one file outside any checkout, generated once."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
import string
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.echobase.platform.plugins.module_utils.base.atomic_file import write_durably
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.credentials import token_keys, vault

_ALPHABET = string.ascii_letters + string.digits


def _password() -> str:
    """Letters and digits only: nothing to quote in SQL, a shell or a URL."""
    return "".join(secrets.choice(_ALPHABET) for _letter in range(32))


def _key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


@dataclass(frozen=True)
class Kind:
    generate: Callable[[], str]
    # Data that exists is unreadable or unreachable without it.
    guards_data: bool
    # Data may be older than this kind of secret. Whether they need it, the record of what was in use tells (credentials/fingerprints.py).
    recorded: bool = False


KINDS = {
    "db_root_password": Kind(_password, guards_data=True),
    "db_migrate_password": Kind(_password, guards_data=True),
    "db_app_password": Kind(_password, guards_data=True),
    # What an account that is lost can do without: a new password reaches the server with its next set-up.
    "db_backup_password": Kind(_password, guards_data=False),
    "db_monitor_password": Kind(_password, guards_data=False),
    "db_replica_password": Kind(_password, guards_data=False),
    # These encrypt MariaDB's tables and logs, PostgreSQL's volume, and the backups.
    "db_encryption_key": Kind(_key, guards_data=True, recorded=True),
    "db_volume_key": Kind(_key, guards_data=True, recorded=True),
    "db_backup_key": Kind(_password, guards_data=True, recorded=True),
    "kms_key": Kind(_key, guards_data=True),
    "jwt_key": Kind(_key, guards_data=True),
    "operator_password": Kind(_password, guards_data=False),
    # Whoever fetches the edge's metrics shows this one; it opens nothing else.
    "metrics_password": Kind(_password, guards_data=False),
    # What they sign expires by itself, so where they are missing they are simply made, beside existing data, too.
    "preview_key": Kind(_key, guards_data=False),
    "desk_key": Kind(_key, guards_data=False),
    # What the application signs its calls of the cloud emulator with.
    "cloud_key": Kind(_key, guards_data=False),
}
# What data are given in place of these while they are; further ones of MariaDB's data and of notes are numbered, since old data and
# backups keep theirs.
FURTHER_KEY = re.compile(r"(db_encryption_key|kms_key)_(\d+)")
# What the administrator's password was when the data were made. It opens nothing any more, but the fingerprint that is written on their
# volume for ever is made from it.
FIRST_ROOT_PASSWORD = "db_root_password_first"
# The S3 service that keeps the backups gave these to the user; nobody can generate them.
GIVEN = ("backup_s3_key", "backup_s3_secret")
# They take a new value with the next set-up: those of the database's accounts, and the operator's.
RENEWABLE = [*(f"db_{account}_password" for account in ("app", "migrate", "backup", "monitor", "replica")), "operator_password"]


class SecretStore:
    def __init__(self, file: Path, vault_password: bytes | None = None) -> None:
        self.file = file
        self._vault_password = vault_password

    def load(self) -> dict[str, str]:
        """What was generated so far; nothing when the file does not exist."""
        try:
            content = self.file.read_bytes()
        except FileNotFoundError:
            return {}
        try:
            found = json.loads(self._opened(content))
        except ValueError as error:
            raise Refusal(f"{self.file} is damaged: {_description(error)}", "restore it from your backup; nothing was changed") from error
        if not isinstance(found, dict) or not all(isinstance(value, str) and value for value in found.values()):
            raise Refusal(f"{self.file} is damaged: not a table of names and values", "restore it from your backup; nothing was changed")
        return found

    def needs_rewrite(self) -> bool:
        """Kept otherwise than asked: in the clear although a vault password is given, or readable by others."""
        if not self.file.exists():
            return True
        in_clear = not vault.is_encrypted(self.file.read_bytes())
        return (in_clear and self._vault_password is not None) or bool(self.file.stat().st_mode & 0o077)

    def save(self, values: dict[str, str]) -> None:
        content = (json.dumps(values, indent=2, sort_keys=True) + "\n").encode()
        write_durably(self.file, vault.encrypt(content, self._vault_password) if self._vault_password else content, mode=0o600)

    def _opened(self, content: bytes) -> bytes:
        if not vault.is_encrypted(content):
            return content
        if self._vault_password is None:
            raise Refusal(f"{self.file} is encrypted with Ansible Vault", "name the file with its password: secrets_vault_password_file")
        try:
            return vault.decrypt(content, self._vault_password)
        except vault.WrongPasswordError as error:
            raise Refusal(
                f"the vault password does not open {self.file}", "check secrets_vault_password_file; nothing was changed"
            ) from error


def missing(values: dict[str, str]) -> list[str]:
    return [name for name in KINDS if name not in values]


def expired_values(values: dict[str, str]) -> list[str]:
    """The names of values that open nothing any more."""
    return token_keys.expired(values, time.time())


def completed(values: dict[str, str]) -> dict[str, str]:
    over = expired_values(values)
    kept = {name: value for name, value in values.items() if name not in over}
    return {**kept, **{name: KINDS[name].generate() for name in missing(values)}}


def key_fingerprint(values: dict[str, str]) -> str:
    """Tells whether a volume belongs to these secrets, and gives none of them away."""
    first = values.get(FIRST_ROOT_PASSWORD, values["db_root_password"])
    return hashlib.sha256((first + values["kms_key"]).encode()).hexdigest()[:16]


def vault_password(file: str) -> bytes | None:
    if not file:
        return None
    try:
        password = Path(file).read_bytes().strip()
    except OSError as error:
        raise Refusal(f"the vault password file {file} cannot be read: {error.strerror}", "check secrets_vault_password_file") from error
    if not password:
        raise Refusal(f"the vault password file {file} is empty", "write the password into it")
    return password


def _description(error: ValueError) -> str:
    """Never the text itself: it may be a secret."""
    return f"no JSON at line {error.lineno}" if isinstance(error, json.JSONDecodeError) else "not text"
