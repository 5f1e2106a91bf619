"""What the gateway is told by its environment, beyond what every process of a colour is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from orders.settings import CloudSettings, DatabaseSettings, IpNetwork, Release, Variables

# Containers see the edge and the front end under addresses of Docker's networks.
_PRIVATE_NETWORKS = "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 127.0.0.0/8 ::1/128 fc00::/7"


@dataclass(frozen=True)
class GatewaySettings:
    release: Release
    database: DatabaseSettings
    cloud: CloudSettings
    tls_cert_file: Path
    tls_key_file: Path
    # Per client; 0 switches the limit off.
    login_attempts_per_minute: int
    registrations_per_minute: int
    requests_per_minute: int
    bcrypt_cost: int
    token_seconds: int
    database_connections: int
    # Only a caller from here may say on whose behalf it calls.
    trusted_proxies: tuple[IpNetwork, ...]
    # Networks of its container on which nobody has a reason to call it.
    unserved_networks: tuple[IpNetwork, ...]

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> GatewaySettings:
        variables = Variables(environment)
        return cls(
            release=Release.of(variables),
            database=DatabaseSettings.of(variables),
            cloud=CloudSettings.of(variables),
            tls_cert_file=variables.path("TLS_CERT_FILE"),
            tls_key_file=variables.path("TLS_KEY_FILE"),
            login_attempts_per_minute=variables.number("LOGIN_ATTEMPTS_PER_MINUTE", default=10),
            registrations_per_minute=variables.number("REGISTRATIONS_PER_MINUTE", default=10),
            requests_per_minute=variables.number("REQUESTS_PER_MINUTE", default=600),
            bcrypt_cost=variables.number("BCRYPT_COST", default=12, at_least=4),
            token_seconds=variables.number("TOKEN_SECONDS", default=8 * 3600, at_least=1),
            database_connections=variables.number("DB_CONNECTIONS", default=16, at_least=1),
            trusted_proxies=variables.networks("ECHOBASE_TRUSTED_PROXIES", default=_PRIVATE_NETWORKS),
            unserved_networks=variables.networks("ECHOBASE_DURABLE_NETWORK", default=""),
        )
