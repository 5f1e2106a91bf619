"""What an environment owns in the cloud: its key, its secrets and the queue of this colour."""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from moto.core import DEFAULT_ACCOUNT_ID
from moto.kms.models import kms_backends
from moto.secretsmanager.models import secretsmanager_backends
from moto.sqs.models import Queue, sqs_backends

SECRETS = Path("/run/secrets")
VISIBILITY_SECONDS = "30"
KEY_BYTES = 32


@dataclass(frozen=True)
class Seed:
    environment: str
    colour: str
    region: str
    kms_key: bytes
    # As the secret has them: the one that signs, by its id, and all that are accepted.
    jwt_keys: dict[str, object]
    database: dict[str, str | int]

    @classmethod
    def from_environment(cls, variables: Mapping[str, str], secrets: Path = SECRETS) -> Seed:
        kms_key = base64.b64decode(_read(secrets, "kms_key"), validate=True)
        if len(kms_key) != KEY_BYTES:
            raise ValueError(f"{secrets / 'kms_key'} holds {len(kms_key)} bytes instead of {KEY_BYTES}")
        return cls(
            environment=variables["ECHOBASE_ENV"],
            colour=variables["ECHOBASE_COLOUR"],
            region=variables.get("AWS_DEFAULT_REGION", "eu-central-1"),
            kms_key=kms_key,
            jwt_keys=_jwt_keys(secrets),
            database={
                "username": variables["DB_USER"],
                "password": _read(secrets, "db_password"),
                "host": variables["DB_HOST"],
                "port": int(variables["DB_PORT"]),
                "dbname": variables["DB_NAME"],
            },
        )

    @property
    def kms_key_id(self) -> str:
        """The same in every emulator of the environment: it is part of each ciphertext."""
        return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{self.environment}.echobase.internal"))


def plant(seed: Seed) -> None:
    _plant_key(seed)
    plant_secrets(seed)
    _plant_queue(seed)


def plant_secrets(seed: Seed) -> None:
    """Once more, they take the place of those before."""
    _plant_secret(seed, "database", seed.database)
    _plant_secret(seed, "jwt", seed.jwt_keys)


def _plant_key(seed: Seed) -> None:
    """moto makes random keys only, so a key of its own making becomes ours."""
    backend = kms_backends[DEFAULT_ACCOUNT_ID][seed.region]
    key = backend.create_key(None, "ENCRYPT_DECRYPT", "SYMMETRIC_DEFAULT", f"echobase {seed.environment}", tags=None)
    del backend.keys[key.id]
    key.arn = key.arn.replace(key.id, seed.kms_key_id)
    key.id = seed.kms_key_id
    key.key_material = seed.kms_key
    backend.keys[key.id] = key
    backend.create_alias(target_key_id=key.id, alias_name=f"alias/echobase-{seed.environment}")


def _plant_secret(seed: Seed, name: str, value: Mapping[str, object]) -> None:
    backend = secretsmanager_backends[DEFAULT_ACCOUNT_ID][seed.region]
    secret_id, text = f"echobase/{seed.environment}/{name}", json.dumps(value)
    if secret_id in backend.secrets:
        backend.put_secret_value(secret_id, text, None, None, ["AWSCURRENT"])
        return
    backend.create_secret(
        name=secret_id,
        secret_string=text,
        secret_binary=None,
        description="",
        tags=None,
        kms_key_id=None,
        client_request_token=None,
        replica_regions=[],
        force_overwrite=False,
    )


def _plant_queue(seed: Seed) -> None:
    queue = sqs_backends[DEFAULT_ACCOUNT_ID][seed.region].create_queue(
        f"echobase-{seed.environment}-{seed.colour}-orders", tags={}, VisibilityTimeout=VISIBILITY_SECONDS
    )
    _serialise_deletion(queue)


def _serialise_deletion(queue: Queue) -> None:
    """moto deletes by rebuilding the list of messages without its lock: a message that arrives meanwhile would vanish."""
    delete = queue.delete_message

    def delete_under_lock(receipt_handle: str) -> None:
        with queue._messages_lock:
            delete(receipt_handle)

    queue.delete_message = delete_under_lock


def _jwt_keys(secrets: Path) -> dict[str, object]:
    try:
        found: dict[str, object] = json.loads(_read(secrets, "jwt_keys"))
    except FileNotFoundError:
        # An earlier version set the environment up: there is one key.
        key = _read(secrets, "jwt_key")
        key_id = hashlib.sha256(base64.b64decode(key)).hexdigest()[:16]
        return {"current": key_id, "keys": {key_id: key}}
    return found


def _read(secrets: Path, name: str) -> str:
    return (secrets / name).read_text().strip()
