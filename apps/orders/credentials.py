"""Where passwords and signing keys come from: Secrets Manager, or the file beside the container while that is away."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from orders.cloud import SecretSource, decode_key
from orders.settings import CloudSettings, DatabaseSettings


class NoSecrets:
    """For who has its password in a file and nowhere else."""

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
    """The key that signs, and all that are accepted: while keys rotate, tokens of the one before stay valid."""

    current: str
    keys: Mapping[str, bytes]

    @property
    def signing_key(self) -> bytes:
        return self.keys[self.current]


def signing_keys(settings: CloudSettings, secrets: SecretSource) -> SigningKeys:
    secret = secrets.read(settings.jwt_secret_id)
    if secret:
        return SigningKeys(secret["current"], {key_id: decode_key(text) for key_id, text in secret["keys"].items()})
    key = decode_key(settings.jwt_key_file.read_text())
    return SigningKeys(key_id(key), {key_id(key): key})


def key_id(key: bytes) -> str:
    """Derived from the key, so that both sources give it the same name."""
    return hashlib.sha256(key).hexdigest()[:16]
