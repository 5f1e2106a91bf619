"""Leads requests to the services of a release that has no edge: by the longest prefix, over TLS, on this machine's loopback alone.

It is as small as a smoke test needs. The edge's own guarantees are proved elsewhere.
"""

from __future__ import annotations

import http.client
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.application.settings import Route, Settings

_TIMEOUT = 30
# They belong to one connection, not to what travels on it.
_HOP_BY_HOP = ("connection", "keep-alive", "transfer-encoding", "upgrade", "te", "trailer")


@contextmanager
def stand_in_edge(settings: Settings, hosts: Mapping[str, str], tls: Path) -> Iterator[int]:
    """Gives the port. `hosts` are the services' addresses by name, `tls` is a folder with certificate and key."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(settings, hosts))
    server.daemon_threads = True
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tls / "tls.crt", tls / "tls.key")
    # The handshake belongs to the thread of the connection: one that never ends it must not hold up the others.
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


def route_for(settings: Settings, path: str) -> Route | None:
    plain = path.partition("?")[0].rstrip("/") + "/"
    fitting = [route for route in settings.routes if plain.startswith(route.prefix.rstrip("/") + "/")]
    return max(fitting, key=lambda route: len(route.prefix), default=None)


def _handler(settings: Settings, hosts: Mapping[str, str]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = _TIMEOUT

        def answer(self) -> None:
            route = route_for(settings, self.path)
            if route is None:
                self.send_error(404)
                return
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            connection = _connection(route, hosts[route.service])
            try:
                sent = {name: value for name, value in self.headers.items() if name.lower() not in _HOP_BY_HOP}
                connection.request(
                    self.command, self.path, body or None, sent | {"X-Forwarded-Proto": "https", "X-Forwarded-For": "127.0.0.1"}
                )
                answer = connection.getresponse()
                content = answer.read()
            except (OSError, http.client.HTTPException) as error:
                self.send_error(502, type(error).__name__)
                return
            finally:
                connection.close()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in (*_HOP_BY_HOP, "content-length"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def __getattr__(self, name: str) -> Any:
            """All methods are led on alike; their names are asked for as do_GET, do_POST and so on."""
            if name.startswith("do_"):
                return self.answer
            raise AttributeError(name)

        def log_message(self, format: str, *arguments: object) -> None:
            """Nobody reads it."""

    return Handler


def _connection(route: Route, host: str) -> http.client.HTTPConnection:
    if not route.tls:
        return http.client.HTTPConnection(host, route.port, timeout=_TIMEOUT)
    # Whose address it is the engine has just said; the certificate is a colour's, and this is none.
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return http.client.HTTPSConnection(host, route.port, timeout=_TIMEOUT, context=context)
