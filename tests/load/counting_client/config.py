"""What the client is told to do."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit


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

    def tls(self) -> ssl.SSLContext | None:
        if urlsplit(self.url).scheme != "https":
            return None
        return ssl.create_default_context(cadata=Path(self.ca_file).read_text() if self.ca_file else None)


@dataclass(frozen=True, slots=True)
class ClientConfig:
    target: Target
    seconds: float = 30.0
    # Connections that send the next request as soon as the last is answered, or as `rate` allows.
    busy: int = 50
    # Connections that send one request after each pause.
    idle: int = 0
    longest_pause: float = 70.0
    # Requests a second of all busy connections together; 0 means as many as possible.
    rate: float = 0.0
    # An answer later than this is a loss.
    timeout: float = 20.0
    seed: int = 1
    body_bytes: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    id_header: str = "X-Counting-Id"
    colour_header: str = "X-Echobase-Colour"
    # Who gets traffic when the run begins; empty means unknown, so no colour is wrong before the first switch.
    weights: dict[str, int] = field(default_factory=dict)
    live: bool = False
