"""What the gateway is told by its environment, beyond what every process of a colour is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from orders.settings import (
    CacheSettings,
    CloudSettings,
    DatabaseSettings,
    IpNetwork,
    Release,
    SettingsError,
    Variables,
    idempotency_seconds,
)

# Containers see the edge and the front end under addresses of Docker's networks.
_PRIVATE_NETWORKS = "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 127.0.0.0/8 ::1/128 fc00::/7"


@dataclass(frozen=True)
class GatewaySettings:
    release: Release
    database: DatabaseSettings
    cloud: CloudSettings
    cache: CacheSettings | None
    tls_cert_file: Path
    tls_key_file: Path
    # Per client; 0 switches the limit off.
    login_attempts_per_minute: int
    registrations_per_minute: int
    requests_per_minute: int
    bcrypt_cost: int
    token_seconds: int
    # From a login until its last refresh.
    refresh_seconds: int
    # So many failed logins with one address lock it for so long; 0 locks nobody.
    lock_after_failures: int
    lock_seconds: int
    # How long a repeated request is recognised by its key.
    idempotency_seconds: int
    database_connections: int
    # Only a caller from here may say on whose behalf it calls.
    trusted_proxies: tuple[IpNetwork, ...]
    # Networks of its container on which nobody has a reason to call it.
    unserved_networks: tuple[IpNetwork, ...]
    # Where it is called without TLS, too; 0: nowhere.
    plain_port: int

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> GatewaySettings:
        variables = Variables(environment)
        return cls(
            release=Release.of(variables),
            database=DatabaseSettings.of(variables),
            cloud=CloudSettings.of(variables),
            cache=CacheSettings.of(variables),
            tls_cert_file=variables.path("TLS_CERT_FILE"),
            tls_key_file=variables.path("TLS_KEY_FILE"),
            login_attempts_per_minute=variables.number("LOGIN_ATTEMPTS_PER_MINUTE", default=10),
            registrations_per_minute=variables.number("REGISTRATIONS_PER_MINUTE", default=10),
            requests_per_minute=variables.number("REQUESTS_PER_MINUTE", default=600),
            bcrypt_cost=variables.number("BCRYPT_COST", default=12, at_least=4),
            token_seconds=variables.number("TOKEN_SECONDS", default=3600, at_least=1),
            refresh_seconds=variables.number("REFRESH_SECONDS", default=14 * 24 * 3600, at_least=1),
            lock_after_failures=variables.number("LOCK_AFTER_FAILURES", default=10),
            lock_seconds=variables.number("LOCK_SECONDS", default=15 * 60, at_least=1),
            idempotency_seconds=idempotency_seconds(variables),
            database_connections=variables.number("DB_CONNECTIONS", default=10, at_least=1),
            trusted_proxies=variables.networks("ECHOBASE_TRUSTED_PROXIES", default=_PRIVATE_NETWORKS),
            unserved_networks=variables.networks("ECHOBASE_DURABLE_NETWORK", default=""),
            plain_port=_plain_port(variables),
        )


def _plain_port(variables: Variables) -> int:
    port = variables.number("PLAIN_PORT", default=0)
    environment = variables.text("ECHOBASE_ENV")
    if port and environment != "devlocal":
        raise SettingsError(f"PLAIN_PORT is {port}: only devlocal is called without TLS, and this is {environment}; leave it empty")
    return port
