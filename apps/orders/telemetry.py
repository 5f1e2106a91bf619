"""What a process tells about itself, by OpenTelemetry: traces, metrics and logs, to where the standard OTEL_ variables say.

Everything else uses OpenTelemetry's API alone, which does nothing until this has begun. No request and no stop waits for whoever is told.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING

from orders.settings import Release

if TYPE_CHECKING:
    from orders.otlp import Otlp

log = logging.getLogger("orders")

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
# Enough for a server that came back a moment ago.
_SECONDS_WHILE_AWAY = 0.25


class Telemetry:
    def __init__(self, otlp: Otlp | None = None) -> None:
        self._otlp = otlp

    @classmethod
    def begin(cls, service: str, release: Release, variables: Mapping[str, str]) -> Telemetry:
        """Without an endpoint, or when it is switched off, nothing of it is even imported."""
        off = variables.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
        if off or not any(variables.get(name) for name in _ENDPOINTS):
            return cls()
        from orders.otlp import Otlp  # noqa: PLC0415 - what is not needed is not imported

        name = {} if variables.get("OTEL_SERVICE_NAME") else {"service.name": service}
        try:
            return cls(Otlp.begin(name | _identity(release)))
        except Exception as error:  # whatever is wrong with it, orders are worth more
            log.error("nothing is told: %s", error)
            return cls()

    @property
    def is_on(self) -> bool:
        return self._otlp is not None

    def stop(self, seconds: float) -> None:
        """Sends what is still to be sent, all kinds at once, and gives up after the given time.

        The SDK's own limits are not kept while a server hangs, or refuses and is asked again.
        """
        if self._otlp is None:
            return
        deadline = time.monotonic() + (min(seconds, _SECONDS_WHILE_AWAY) if self._otlp.is_away else seconds)
        threads = [threading.Thread(target=shutdown, daemon=True) for shutdown in self._otlp.shutdowns]
        self._otlp.shutdowns = []
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
