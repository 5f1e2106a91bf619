"""What the desk is told by its environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from operators_desk.telemetry_settings import TelemetrySettings
from orders.settings import IpNetwork, Variables


@dataclass(frozen=True)
class DeskSettings:
    environment: str
    operator_cookie: str
    preview_cookie: str
    operators_port: int
    # What the edge opens to whoever is logged in, each at /<name>/.
    tools: tuple[str, ...]
    # The application's routes, by which the edge's spans are named.
    routes: tuple[str, ...]
    # operators.htpasswd, desk_key, preview_key and metrics_password.
    secrets: Path
    data: Path
    edge_log: Path
    tls_cert_file: Path
    tls_key_file: Path
    listen_address: str
    # Only the edge may say on whose behalf it calls.
    trusted_proxies: tuple[IpNetwork, ...]
    session_seconds: int
    idle_seconds: int
    preview_seconds: int
    free_attempts: int
    # Where whoever watches comes in; empty: nowhere.
    observed_address: str
    telemetry: TelemetrySettings | None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> DeskSettings:
        variables = Variables(environment)
        return cls(
            environment=variables.text("ECHOBASE_ENV"),
            operator_cookie=variables.text("OPERATOR_COOKIE"),
            preview_cookie=variables.text("PREVIEW_COOKIE"),
            operators_port=variables.number("OPERATORS_PORT", at_least=1),
            tools=tuple(variables.text("TOOLS", default="").split()),
            routes=tuple(variables.text("ROUTES", default="").split()),
            secrets=variables.path("SECRETS_FOLDER"),
            data=variables.path("DATA_FOLDER"),
            edge_log=variables.path("EDGE_LOG_FILE"),
            tls_cert_file=variables.path("TLS_CERT_FILE"),
            tls_key_file=variables.path("TLS_KEY_FILE"),
            listen_address=variables.text("LISTEN_ADDRESS", default="0.0.0.0"),
            trusted_proxies=variables.networks("TRUSTED_PROXIES"),
            session_seconds=variables.number("SESSION_SECONDS", default=12 * 3600, at_least=1),
            idle_seconds=variables.number("IDLE_SECONDS", default=3600, at_least=1),
            preview_seconds=variables.number("PREVIEW_SECONDS", default=3600, at_least=1),
            free_attempts=variables.number("FREE_ATTEMPTS", default=5, at_least=1),
            observed_address=variables.text("OBSERVED_ADDRESS", default=""),
            telemetry=TelemetrySettings.from_environment(environment),
        )
