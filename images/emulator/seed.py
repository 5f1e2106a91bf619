"""What an environment owns in the cloud: its key, its secrets and the queues of this colour."""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import callers
from moto.core import DEFAULT_ACCOUNT_ID
from moto.kms.models import kms_backends
from moto.secretsmanager.models import secretsmanager_backends
from moto.sqs.exceptions import SQSException
from moto.sqs.models import Queue, sqs_backends

SECRETS = Path("/run/secrets")
VISIBILITY_SECONDS = "30"
MOST_DELIVERIES = 5
KEY_BYTES = 32


@dataclass(frozen=True)
class Seed:
    environment: str
    colour: str
    region: str
    # The keys by number; the newest wraps, the others open what they wrapped.
    kms_keys: dict[int, bytes]
    # The content of the secret: the id of the key that signs, and all keys that are accepted.
    token_keys: dict[str, object]
    database: dict[str, str | int]

    @classmethod
    def from_environment(cls, variables: Mapping[str, str], secrets: Path = SECRETS) -> Seed:
        return cls(
            environment=variables["ECHOBASE_ENV"],
            colour=variables["ECHOBASE_COLOUR"],
            region=variables.get("AWS_DEFAULT_REGION", "eu-central-1"),
            kms_keys=_kms_keys(secrets),
            token_keys=_token_keys(secrets),
            database={
                "username": variables["DB_USER"],
                "password": _read(secrets, "db_password"),
                "host": variables["DB_HOST"],
                "port": int(variables["DB_PORT"]),
                "dbname": variables["DB_NAME"],
            },
        )

    def kms_key_id(self, number: int) -> str:
        """The key's id is the same in every emulator of the environment, since it is part of each ciphertext."""
        name = f"{self.environment}.echobase.internal"
        return str(uuid.uuid5(uuid.NAMESPACE_DNS, name if number == 1 else f"{number}.{name}"))


def plant(seed: Seed) -> None:
    plant_secrets(seed)
    _plant_queue(seed)


def plant_secrets(seed: Seed) -> None:
    """Plants the secrets. Called again, it replaces them; a key stays, since there is something that it wrapped."""
    _plant_keys(seed)
    _plant_secret(seed, "database", seed.database)
    _plant_secret(seed, "jwt", seed.token_keys)


def _plant_keys(seed: Seed) -> None:
    """Plants our keys. moto makes random keys only, so keys that it made are given our bytes."""
    backend = kms_backends[DEFAULT_ACCOUNT_ID][seed.region]
    alias = f"alias/echobase-{seed.environment}"
    for number, material in sorted(seed.kms_keys.items()):
        key_id = seed.kms_key_id(number)
        if key_id in backend.keys:
            continue
        key = backend.create_key(None, "ENCRYPT_DECRYPT", "SYMMETRIC_DEFAULT", f"echobase {seed.environment}", tags=None)
        key.arn, made = key.arn.replace(key.id, key_id), key.id
        key.id, key.key_material = key_id, material
        # This is one step, since other threads may be looking through them.
        backend.keys = {name: found for name, found in {**backend.keys, key_id: key}.items() if name != made}
    newest = seed.kms_key_id(max(seed.kms_keys))
    # At each moment some key has the name.
    backend.create_alias(target_key_id=newest, alias_name=alias)
    for key in backend.keys.values():
        if key.id != newest:
            key.aliases.pop(alias, None)


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
    """Plants the colour's queue, and the one for what it has delivered too often."""
    backend = sqs_backends[DEFAULT_ACCOUNT_ID][seed.region]
    name = f"echobase-{seed.environment}-{seed.colour}-orders"
    dead = backend.create_queue(f"{name}-dead", tags={}, VisibilityTimeout=VISIBILITY_SECONDS)
    redrive = json.dumps({"deadLetterTargetArn": dead.queue_arn, "maxReceiveCount": MOST_DELIVERIES})
    queue = backend.create_queue(name, tags={}, VisibilityTimeout=VISIBILITY_SECONDS, RedrivePolicy=redrive)
    for planted in (queue, dead):
        _serialise_deletion(planted)
        _give_nothing_to_who_has_left(planted)


def _serialise_deletion(queue: Queue) -> None:
    """Has moto delete one message at a time: it rebuilds the list without its lock, and a message that arrives meanwhile would vanish."""
    delete = queue.delete_message

    def delete_under_lock(receipt_handle: str) -> None:
        with queue._messages_lock:
            delete(receipt_handle)

    queue.delete_message = delete_under_lock


def _give_nothing_to_who_has_left(queue: Queue) -> None:
    """Has moto end a call whose caller hung up while it waited for messages: they would go to nobody, and be away for half a minute."""
    wait = queue.wait_for_messages

    def wait_for_messages(timeout: int) -> None:
        wait(timeout)
        if callers.has_hung_up():
            raise SQSException("RequestAbandoned", "the caller has hung up")

    queue.wait_for_messages = wait_for_messages


def _kms_keys(secrets: Path) -> dict[int, bytes]:
    try:
        found = {int(number): text for number, text in json.loads(_read(secrets, "kms_keys")).items()}
    except FileNotFoundError:
        # An earlier version set the environment up: there is one key.
        found = {1: _read(secrets, "kms_key")}
    keys = {number: base64.b64decode(text, validate=True) for number, text in found.items()}
    for number, key in keys.items():
        if len(key) != KEY_BYTES:
            raise ValueError(f"key {number} of the key service holds {len(key)} bytes instead of {KEY_BYTES}")
    return keys


def _token_keys(secrets: Path) -> dict[str, object]:
    try:
        found: dict[str, object] = json.loads(_read(secrets, "token_keys"))
    except FileNotFoundError:
        # An earlier version set the environment up: there is one key.
        key = _read(secrets, "token_key")
        key_id = hashlib.sha256(base64.b64decode(key)).hexdigest()[:16]
        return {"current": key_id, "keys": {key_id: key}}
    return found


def _read(secrets: Path, name: str) -> str:
    return (secrets / name).read_text().strip()
