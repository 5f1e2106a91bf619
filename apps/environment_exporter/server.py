"""HTTPS for the few callers on the observability network: Prometheus, and the container's own health check."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import socket
from typing import Any

from operators_desk.certificate_renewal import CertificateRenewal

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# A caller that says nothing for so long is sent away; Prometheus keeps its connection from one scrape to the next.
_PATIENCE_SECONDS = 90


class MetricsServer(ThreadingHTTPServer):
    daemon_threads = True
    # Docker's stop signal ends us at once: there is nothing to finish.
    block_on_close = False

    def __init__(self, address: tuple[str, int], context: ssl.SSLContext, renewal: CertificateRenewal, render: Callable[[], str]) -> None:
        super().__init__(address, _Answer)
        self.render = render
        self._context = context
        self._renewal = renewal

    def get_request(self) -> tuple[socket, Any]:
        connection, caller = super().get_request()
        connection.settimeout(_PATIENCE_SECONDS)
        self._renewal.look()
        # The handshake is made by the connection's own thread, so that a caller that is slow with it keeps nobody waiting.
        return self._context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), caller

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that breaks off, or does not trust us, is not worth a page of the log."""


class _Answer(BaseHTTPRequestHandler):
    server: MetricsServer
    protocol_version = "HTTP/1.1"
    timeout = _PATIENCE_SECONDS

    def do_GET(self) -> None:
        if self.path == "/metrics":
            self._send(200, CONTENT_TYPE, self.server.render())
        elif self.path == "/health":
            self._send(200, "application/json", '{"status": "ok"}')
        else:
            self._send(404, "text/plain", "there are /metrics and /health\n")

    def version_string(self) -> str:
        return "echobase"

    def log_message(self, format: str, *args: Any) -> None:
        """Scrapes are not logged."""

    def _send(self, status: int, kind: str, text: str) -> None:
        content = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
