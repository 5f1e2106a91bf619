"""Clients of the cloud's services that give up early: nothing a customer waits for may hang on them."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any, Protocol

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from orders.settings import CloudSettings

# The service is away, or does not have what we ask for (yet).
CLOUD_ERRORS = (BotoCoreError, ClientError)


def client(service: str, settings: CloudSettings, read_timeout: float = 3) -> Any:
    return boto3.client(
        service,
        region_name=settings.region,
        endpoint_url=settings.endpoint_url or None,
        config=Config(connect_timeout=1, read_timeout=read_timeout, retries={"total_max_attempts": 1}, tcp_keepalive=True),
    )


class SecretSource(Protocol):
    def read(self, secret_id: str) -> dict[str, Any] | None: ...


class SecretsManager:
    def __init__(self, settings: CloudSettings) -> None:
        self._client = client("secretsmanager", settings, read_timeout=2)

    def read(self, secret_id: str) -> dict[str, Any] | None:
        """None when Secrets Manager is away or does not know the secret: the caller has a file to fall back on."""
        try:
            answer = self._client.get_secret_value(SecretId=secret_id)
        except CLOUD_ERRORS:
            return None
        secret: dict[str, Any] = json.loads(answer["SecretString"])
        return secret


class KeyService(Protocol):
    """Makes data keys and unwraps them; the key they are wrapped with never leaves it."""

    def new_data_key(self) -> tuple[bytes, bytes, str]:
        """Gives a new data key: the key itself, the key wrapped, and the id of the key that wraps it."""
        ...

    def key_id(self) -> str:
        """The id of the key that the next data key will be wrapped with."""
        ...

    def unwrap(self, wrapped: bytes) -> bytes: ...


class KeyServiceAway(Exception):
    """The key service does not answer, or does not have our key (yet)."""


class NotOurKey(Exception):
    """The key service answers that it never wrapped this key: asking again will not help."""


# moto says AccessDenied where AWS says InvalidCiphertext.
_REFUSALS = ("InvalidCiphertextException", "AccessDeniedException")


class Kms:
    def __init__(self, settings: CloudSettings, environment: str) -> None:
        self._client = client("kms", settings)
        self._key_id = settings.kms_key_id
        self._context = {"environment": environment}

    def new_data_key(self) -> tuple[bytes, bytes, str]:
        try:
            answer = self._client.generate_data_key(KeyId=self._key_id, KeySpec="AES_256", EncryptionContext=self._context)
        except CLOUD_ERRORS as error:
            raise KeyServiceAway(str(error)) from error
        return answer["Plaintext"], answer["CiphertextBlob"], _id_in(answer["KeyId"])

    def key_id(self) -> str:
        try:
            answer = self._client.describe_key(KeyId=self._key_id)
        except CLOUD_ERRORS as error:
            raise KeyServiceAway(str(error)) from error
        return _id_in(answer["KeyMetadata"]["KeyId"])

    def unwrap(self, wrapped: bytes) -> bytes:
        plaintext: bytes = self._about(lambda: self._client.decrypt(CiphertextBlob=wrapped, EncryptionContext=self._context))["Plaintext"]
        return plaintext

    def rewrap(self, wrapped: bytes) -> bytes | None:
        """Gives the data key wrapped with the present key, without ever leaving the service; None if it already is."""
        answer = self._about(
            lambda: self._client.re_encrypt(
                CiphertextBlob=wrapped,
                SourceEncryptionContext=self._context,
                DestinationKeyId=self._key_id,
                DestinationEncryptionContext=self._context,
            )
        )
        again: bytes = answer["CiphertextBlob"]
        return None if _id_in(answer["SourceKeyId"]) == _id_in(answer["KeyId"]) else again

    def _about(self, question: Callable[[], Any]) -> Any:
        """Asks the service about something that it wrapped."""
        try:
            return question()
        except CLOUD_ERRORS as error:
            if isinstance(error, ClientError) and error.response["Error"]["Code"] in _REFUSALS:
                raise NotOurKey(str(error)) from error
            raise KeyServiceAway(str(error)) from error


def _id_in(arn: str) -> str:
    """Gives the id in a key's name: some calls name a key by its id alone."""
    return arn.rpartition("/")[2]


def decode_key(text: str) -> bytes:
    return base64.b64decode(text.strip(), validate=True)
