"""What a process of a colour is told by its environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import TypeVar

IpNetwork = IPv4Network | IPv6Network
Value = TypeVar("Value")


class SettingsError(Exception):
    """A variable is missing or makes no sense; the text names it."""


class Variables:
    """Environment variables, read once; whatever is wrong is said with the variable's name."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables

    def text(self, name: str, default: str | None = None) -> str:
        value = self._variables.get(name, "").strip() or default
        if value is None:
            raise SettingsError(f"{name} is not set")
        return value

    def number(self, name: str, default: int | None = None, at_least: int = 0) -> int:
        value = self._converted(name, None if default is None else str(default), int, "a whole number")
        if value < at_least:
            raise SettingsError(f"{name} is {value}: at least {at_least} is needed")
        return value

    def choice(self, name: str, choices: Sequence[str]) -> str:
        """Gives one of the choices, of which the first is the default."""
        value = self.text(name, choices[0])
        if value not in choices:
            raise SettingsError(f"{name} is '{value}': choose one of {', '.join(choices)}")
        return value

    def path(self, name: str) -> Path:
        return Path(self.text(name))

    def networks(self, name: str, default: str | None = None) -> tuple[IpNetwork, ...]:
        try:
            return tuple(ip_network(part) for part in self.text(name, default).replace(",", " ").split())
        except ValueError as error:
            raise SettingsError(f"{name}: {error}") from None

    def _converted(self, name: str, default: str | None, convert: Callable[[str], Value], kind: str) -> Value:
        value = self.text(name, default)
        try:
            return convert(value)
        except ValueError:
            raise SettingsError(f"{name} is '{value}': {kind} is needed") from None


@dataclass(frozen=True)
class Release:
    """Who answers: every answer and every log line can be traced to it."""

    environment: str
    colour: str
    id: str
    version: str

    @classmethod
    def of(cls, variables: Variables) -> Release:
        return cls(
            environment=variables.text("ECHOBASE_ENV"),
            colour=variables.text("ECHOBASE_COLOUR"),
            id=variables.text("ECHOBASE_RELEASE"),
            version=variables.text("ECHOBASE_VERSION"),
        )


@dataclass(frozen=True)
class DatabaseSettings:
    engine: str
    host: str
    port: int
    name: str
    user: str
    password_file: Path
    ca_file: Path
    secret_id: str

    @classmethod
    def of(cls, variables: Variables) -> DatabaseSettings:
        return cls(
            engine=variables.choice("DB_ENGINE", ("mariadb", "postgresql")),
            host=variables.text("DB_HOST"),
            port=variables.number("DB_PORT", at_least=1),
            name=variables.text("DB_NAME"),
            user=variables.text("DB_USER"),
            password_file=variables.path("DB_PASSWORD_FILE"),
            ca_file=variables.path("DB_CA_FILE"),
            secret_id=variables.text("DB_SECRET_ID"),
        )


@dataclass(frozen=True)
class CacheSettings:
    host: str
    port: int
    user: str
    password_file: Path
    ca_file: Path

    @classmethod
    def of(cls, variables: Variables) -> CacheSettings | None:
        """None where the environment has no cache: nothing needs it."""
        host = variables.text("CACHE_HOST", default="")
        if not host:
            return None
        return cls(
            host=host,
            port=variables.number("CACHE_PORT", at_least=1),
            user=variables.text("CACHE_USER"),
            password_file=variables.path("CACHE_PASSWORD_FILE"),
            ca_file=variables.path("CACHE_CA_FILE"),
        )


@dataclass(frozen=True)
class CloudSettings:
    region: str
    kms_key_id: str
    jwt_secret_id: str
    token_key_file: Path
    queue: str
    # Empty means AWS itself.
    endpoint_url: str

    @classmethod
    def of(cls, variables: Variables) -> CloudSettings:
        return cls(
            region=variables.text("AWS_DEFAULT_REGION"),
            kms_key_id=variables.text("KMS_KEY_ID"),
            jwt_secret_id=variables.text("JWT_SECRET_ID"),
            token_key_file=variables.path("JWT_KEY_FILE"),
            queue=variables.text("ORDERS_QUEUE"),
            endpoint_url=variables.text("AWS_ENDPOINT_URL", default=""),
        )


def idempotency_seconds(variables: Variables) -> int:
    """How long an idempotency key counts: for the gateway, and for the sweep that deletes it afterwards."""
    return variables.number("IDEMPOTENCY_SECONDS", default=24 * 3600, at_least=1)
