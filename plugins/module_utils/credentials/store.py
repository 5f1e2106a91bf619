"""The source of truth for an environment's secrets: one file outside any checkout, generated once."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path

from ansible_collections.echobase.platform.plugins.module_utils.base.atomic_file import write_durably
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.credentials import token_keys, vault
from ansible_collections.echobase.platform.plugins.module_utils.credentials.secret_kinds import FIRST_ROOT_PASSWORD, KINDS


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
        """Whether the file is kept otherwise than asked: in the clear although a vault password is given, or readable by others."""
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
            raise Refusal(
                f"{self.file} is encrypted with Ansible Vault",
                "name the file with its password on the controller, secrets_vault_password_file, or set ECHOBASE_VAULT_PASSWORD there",
            )
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


def vault_password(given: str) -> bytes | None:
    """What a module was given; None for secrets that are not encrypted."""
    return given.strip().encode() or None


def _description(error: ValueError) -> str:
    """Describes the error without the text that it is about, which may be a secret."""
    return f"no JSON at line {error.lineno}" if isinstance(error, json.JSONDecodeError) else "not text"
