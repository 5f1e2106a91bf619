"""Who is told of alerts: an HTTP server that keeps what Alertmanager posts to it, by path."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from harness.http_sink import http_sink


class WebhookSink:
    def __init__(self) -> None:
        self.address = "127.0.0.1"
        self.scheme = "http"
        self.port = 0
        # What it answers with; a test may have it refuse.
        self.status = 200
        self._lock = threading.Lock()
        self._received: list[tuple[str, dict[str, str], dict[str, Any]]] = []

    def url(self, path: str) -> str:
        return f"{self.scheme}://{self.address}:{self.port}{path}"

    def alerts(self, path: str) -> list[dict[str, Any]]:
        """Every alert of every message that came there, with status, labels and annotations."""
        with self._lock:
            return [alert for at, _, message in self._received if at == path for alert in message["alerts"]]

    def headers(self, path: str) -> list[dict[str, str]]:
        with self._lock:
            return [headers for at, headers, _ in self._received if at == path]

    def receive(self, path: str, headers: dict[str, str], message: dict[str, Any]) -> None:
        with self._lock:
            self._received.append((path, headers, message))


@contextmanager
def webhook_sink(address: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> Iterator[WebhookSink]:
    sink = WebhookSink()
    sink.address, sink.scheme = address, "https" if tls else "http"

    def take(path: str, headers: Mapping[str, str], body: bytes) -> int:
        if sink.status == 200:
            sink.receive(path, dict(headers), json.loads(body))
        return sink.status

    with http_sink(take, address, tls=tls) as sink.port:
        yield sink
