"""Where passwords and signing keys come from: Secrets Manager, or the file beside the container while that is away."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orders.cloud import SecretSource, decode_key
from orders.settings import CloudSettings, DatabaseSettings


class NoSecrets:
    """Stands for Secrets Manager where a password is in a file and nowhere else."""

    def read(self, secret_id: str) -> None:
        del secret_id


def database_password(settings: DatabaseSettings, secrets: SecretSource) -> str:
    """The secret belongs to one user; any other (the migrations') has its password in a file only."""
    secret = secrets.read(settings.secret_id)
    if secret and secret.get("username") == settings.user:
        return str(secret["password"])
    return settings.password_file.read_text().strip()


@dataclass(frozen=True)
class SigningKeys:
    """The key that signs, and all that are accepted: while keys rotate the next one is, and the one before until it is time."""

    current: str
    keys: Mapping[str, bytes]
    # In seconds since 1970; a key that is not named here has no end.
    until: Mapping[str, float] = field(default_factory=dict)

    @property
    def signing_key(self) -> bytes:
        return self.keys[self.current]

    def accepted(self, now: float) -> dict[str, bytes]:
        return {key_id: key for key_id, key in self.keys.items() if now < self.until.get(key_id, math.inf)}


def signing_keys(settings: CloudSettings, secrets: SecretSource) -> SigningKeys:
    secret = secrets.read(settings.jwt_secret_id) or _keys_in_file(settings.token_key_file.with_name("token_keys"))
    if secret:
        keys = {key_id: decode_key(text) for key_id, text in secret["keys"].items()}
        return SigningKeys(secret["current"], keys, {key_id: float(at) for key_id, at in secret.get("until", {}).items()})
    key = decode_key(settings.token_key_file.read_text())
    return SigningKeys(key_id(key), {key_id(key): key})


def _keys_in_file(file: Path) -> dict[str, Any] | None:
    """Reads the keys from a file with Secrets Manager's text. An environment that an earlier version set up has none."""
    try:
        found: dict[str, Any] = json.loads(file.read_text())
    except FileNotFoundError:
        return None
    return found


def key_id(key: bytes) -> str:
    """Derived from the key, so that all sources give it the same name."""
    return hashlib.sha256(key).hexdigest()[:16]
