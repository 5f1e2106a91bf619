"""Sends the edge's spans, in batches, from a thread of its own: nobody waits for whom they are sent to.

OTLP over HTTP in its JSON form, which every receiver has to understand. A span is then a dictionary, made from a line of the log in a few
microseconds; the SDK's exporter takes objects of its own making, and keeps trying when it is asked to stop.
"""

from __future__ import annotations

import http.client
import json
import logging
import socket
import ssl
from threading import Event, Thread
from typing import Any

from operators_desk.edge_spans import EdgeSpans, Span
from operators_desk.telemetry_settings import TelemetrySettings

log = logging.getLogger("operators_desk")

_BATCH = 512
_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE = 30.0
# Whoever stops us gets no more of our time than this.
_FAREWELL_SECONDS = 2.0
_HTTP_RETRY = (408, 429, 502, 503, 504)


class SpanSender:
    def __init__(self, settings: TelemetrySettings, spans: EdgeSpans) -> None:
        self._settings = settings
        self._spans = spans
        self._resource = {"attributes": [_attribute(*pair) for pair in _identity(settings).items()]}
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="span-sender", daemon=True)
        self._connection: http.client.HTTPConnection | None = None
        self._is_away = False

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """What was not sent by then is lost; a receiver that hangs keeps nobody."""
        self._stopping.set()
        self._thread.join(_FAREWELL_SECONDS)

    def _run(self) -> None:
        pause = _PAUSE_SECONDS
        while not self._stopping.wait(pause):
            pause = _PAUSE_SECONDS if self._send_all() else min(2 * pause, _LONGEST_PAUSE)
        self._send_all()

    def _send_all(self) -> bool:
        """Whether nothing is left that could not be sent."""
        while batch := self._spans.take(_BATCH):
            try:
                status = self._post(batch)
            except (OSError, http.client.HTTPException, ssl.SSLError) as error:
                self._hang_up()
                return self._postpone(batch, str(error) or type(error).__name__)
            if status in _HTTP_RETRY:
                return self._postpone(batch, f"status {status}")
            if 200 <= status < 300:
                self._spans.sent += len(batch)
            else:
                self._spans.dropped["refused"] += len(batch)
            self._tell_change(is_away=False, why="")
        return True

    def _postpone(self, batch: list[Span], why: str) -> bool:
        self._spans.give_back(batch)
        self._tell_change(is_away=True, why=why)
        return False

    def _tell_change(self, is_away: bool, why: str) -> None:
        """Once when it goes and once when it is back, not for each try."""
        if is_away != self._is_away:
            self._is_away = is_away
            address = self._settings.traces.netloc
            log.warning("the edge's spans cannot be sent to %s: %s", address, why) if is_away else log.info("%s takes spans again", address)

    def _post(self, batch: list[Span]) -> int:
        scope = {"scope": {"name": "echobase.edge"}, "spans": batch}
        body = json.dumps({"resourceSpans": [{"resource": self._resource, "scopeSpans": [scope]}]}, separators=(",", ":"))
        connection = self._connection = self._connection or self._connected()
        path = f"{self._settings.traces.path or '/'}{'?' + self._settings.traces.query if self._settings.traces.query else ''}"
        connection.request("POST", path, body.encode(), {"Content-Type": "application/json", **self._settings.headers})
        answer = connection.getresponse()
        answer.read()
        return answer.status

    def _connected(self) -> http.client.HTTPConnection:
        place, timeout = self._settings.traces, self._settings.timeout
        assert place.hostname is not None
        if place.scheme == "http":
            return http.client.HTTPConnection(place.hostname, place.port, timeout=timeout)
        # Read anew for each connection: an authority may be another one by then.
        trust = ssl.create_default_context(cafile=str(self._settings.authority) if self._settings.authority else None)
        return http.client.HTTPSConnection(place.hostname, place.port, timeout=timeout, context=trust)

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _identity(settings: TelemetrySettings) -> dict[str, str]:
    return {**settings.resource, "service.name": "edge", "service.instance.id": f"edge-{socket.gethostname()}"}


def _attribute(key: str, value: str) -> dict[str, Any]:
    return {"key": key, "value": {"stringValue": value}}
