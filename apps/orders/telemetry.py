"""What a process tells about itself, by OpenTelemetry: traces, metrics and logs, to where the standard OTEL_ variables say.

Everything else uses OpenTelemetry's API alone, which does nothing until this has begun. No request and no stop waits for whoever is told.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from orders.settings import Release

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


@dataclass
class Telemetry:
    """`stop` gives up after the given time: what was not told by then is lost."""

    _shutdowns: list[Callable[[], Any]] = field(default_factory=list)

    @classmethod
    def begin(cls, service: str, release: Release, variables: Mapping[str, str]) -> Telemetry:
        """Without an endpoint, or when it is switched off, nothing of it is even imported."""
        off = variables.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
        if off or not any(variables.get(name) for name in _ENDPOINTS):
            return cls()
        identity = {} if variables.get("OTEL_SERVICE_NAME") else {"service.name": service}
        from orders import otlp  # noqa: PLC0415 - not needed, not imported

        return cls(otlp.begin(identity | _identity(release)))

    @property
    def is_on(self) -> bool:
        return bool(self._shutdowns)

    def stop(self, seconds: float) -> None:
        """Sends what is still to be sent, all kinds at once. The SDK's own time limits are not kept while a server hangs."""
        deadline = time.monotonic() + seconds
        threads = [threading.Thread(target=shutdown, daemon=True) for shutdown in self._shutdowns]
        self._shutdowns = []
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))


def _identity(release: Release) -> dict[str, str]:
    return {
        # Two processes that shared it would overwrite each other's counts.
        "service.instance.id": str(uuid.uuid4()),
        "service.version": release.version,
        "deployment.environment.name": release.environment,
        "echobase.colour": release.colour,
        "echobase.release": release.id,
    }
