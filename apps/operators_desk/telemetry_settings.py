"""Where spans are sent, by the standard variables of OpenTelemetry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from orders.settings import SettingsError

_ENDPOINT, _TRACES_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
_TIMEOUT = "OTEL_EXPORTER_OTLP_TIMEOUT"


@dataclass(frozen=True)
class TelemetrySettings:
    traces: SplitResult
    # Whom to trust; None: whom this machine trusts.
    authority: Path | None
    timeout: float
    headers: Mapping[str, str]
    resource: Mapping[str, str]

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> TelemetrySettings | None:
        """Gives None where it is switched off, or nobody is named who would be told."""
        endpoint = environment.get(_TRACES_ENDPOINT, "").strip()
        base = environment.get(_ENDPOINT, "").strip()
        if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true" or not (endpoint or base):
            return None
        traces = urlsplit(endpoint or f"{base.rstrip('/')}/v1/traces")
        if traces.scheme not in ("http", "https") or not traces.hostname:
            raise SettingsError(f"{_TRACES_ENDPOINT if endpoint else _ENDPOINT} is '{endpoint or base}': an http(s) URL is needed")
        authority = environment.get("OTEL_EXPORTER_OTLP_CERTIFICATE", "").strip()
        return cls(
            traces=traces,
            authority=Path(authority) if authority else None,
            timeout=_seconds(environment.get(_TIMEOUT, "").strip() or "2"),
            headers=_pairs(environment.get("OTEL_EXPORTER_OTLP_HEADERS", "")),
            resource=_pairs(environment.get("OTEL_RESOURCE_ATTRIBUTES", "")),
        )


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise SettingsError(f"{_TIMEOUT} is '{text}': a number of seconds is needed") from None


def _pairs(text: str) -> dict[str, str]:
    """`key=value,key=value`, percent-encoded."""
    parts = (part.partition("=") for part in text.split(",") if "=" in part)
    return {unquote(key.strip()): unquote(value.strip()) for key, _, value in parts}
