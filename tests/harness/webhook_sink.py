"""Who is told of alerts: an HTTP server that keeps what Alertmanager posts to it, by path."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class WebhookSink:
    def __init__(self, port: int) -> None:
        self.port = port
        # What it answers with; a test may have it refuse.
        self.status = 200
        self._lock = threading.Lock()
        self._received: list[tuple[str, dict[str, str], dict[str, Any]]] = []

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

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
def webhook_sink() -> Iterator[WebhookSink]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if sink.status == 200:
                sink.receive(self.path, dict(self.headers), json.loads(body))
            self.send_response(sink.status)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    sink = WebhookSink(server.server_port)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield sink
    finally:
        server.shutdown()
        server.server_close()
