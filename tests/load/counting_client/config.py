"""What the client is told to do."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit


class NotPossible(Exception):
    """What was asked for cannot be done."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where requests go."""

    url: str
    # Certificates to trust; empty means those the machine trusts.
    ca_file: str = ""
    # Where to connect when that is not the URL's host and port.
    connect_to: tuple[str, int] | None = None

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.url)
        default = 443 if parts.scheme == "https" else 80
        return self.connect_to or (str(parts.hostname), parts.port or default)

    @property
    def host(self) -> str:
        return str(urlsplit(self.url).hostname)

    @property
    def authority(self) -> str:
        return urlsplit(self.url).netloc

    @property
    def path(self) -> str:
        parts = urlsplit(self.url)
        return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    @property
    def is_https(self) -> bool:
        return urlsplit(self.url).scheme == "https"

    def tls(self) -> ssl.SSLContext | None:
        return self._context() if self.is_https else None

    def http2_tls(self) -> ssl.SSLContext:
        context = self._context()
        context.set_alpn_protocols(["h2"])
        return context

    def _context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cadata=Path(self.ca_file).read_text() if self.ca_file else None)


@dataclass(frozen=True, slots=True)
class ClientConfig:
    target: Target
    seconds: float = 30.0
    # The run goes on after that until so many requests are answered, unless nobody answers any more.
    requests: int = 0
    # Connections that send the next request as soon as the last is answered, or as `rate` allows.
    busy: int = 50
    # Connections that send one request after each pause.
    idle: int = 0
    longest_pause: float = 70.0
    # HTTP/2 connections, and streams on each of them, which are as busy as busy connections are.
    http2_connections: int = 0
    http2_streams: int = 10
    # Sessions that send a message every so often and await its echo.
    websockets: int = 0
    message_every: float = 1.0
    # Sessions that listen to numbered events.
    event_streams: int = 0
    # Connections whose requests take `upload_seconds` to send, one after the other.
    uploads: int = 0
    upload_seconds: float = 30.0
    upload_bytes: int = 64 * 1024
    # Requests a second of all busy connections and HTTP/2 streams together; 0 means as many as possible.
    rate: float = 0.0
    # An answer later than this is a loss; an event stream that says nothing for so long is broken.
    timeout: float = 20.0
    seed: int = 1
    body_bytes: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    # Send the id as Idempotency-Key, too.
    keyed: bool = False
    id_header: str = "X-Counting-Id"
    colour_header: str = "X-Echobase-Colour"
    # Echoed by an upstream that wants its uploads checked.
    checksum_header: str = "X-Body-Sha256"
    # Paths of their own; empty means the target's.
    websocket_path: str = ""
    event_path: str = ""
    upload_path: str = ""
    # Who gets traffic when the run begins; empty means unknown, so no colour is wrong before the first switch.
    weights: dict[str, int] = field(default_factory=dict)
    # Seconds before and after a switch whose latencies are reported apart from the quiet ones.
    around: float = 0.25
    live: bool = False

    def check(self) -> None:
        """Raises NotPossible."""
        if self.http2_connections and not self.target.is_https:
            raise NotPossible(f"HTTP/2 needs TLS, and {self.target.url} has none")
        if self.http2_connections and find_spec("h2") is None:
            raise NotPossible("HTTP/2 needs the Python package h2: pip install h2")
