"""What the exporter is told by its environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from environment_exporter import PORT
from orders.settings import Variables


@dataclass(frozen=True)
class ExporterSettings:
    # Below it lie the folders `routes`, `metrics` and `tls` of the environment.
    folder: Path
    tls_cert_file: Path
    tls_key_file: Path
    listen_address: str
    port: int

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> ExporterSettings:
        variables = Variables(environment)
        return cls(
            folder=Path(variables.text("ENVIRONMENT_FOLDER", default="/environment")),
            tls_cert_file=Path(variables.text("TLS_CERT_FILE", default="/run/tls/tls.crt")),
            tls_key_file=Path(variables.text("TLS_KEY_FILE", default="/run/tls/tls.key")),
            listen_address=variables.text("LISTEN_ADDRESS", default="0.0.0.0"),
            port=variables.number("PORT", default=PORT, at_least=1),
        )
