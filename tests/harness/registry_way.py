"""The way to a registry, which the tests make slow, cut, or spoil: a forwarder of their own on the loopback."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

_PIECE = 1 << 14


@dataclass
class RegistryWay:
    """`bytes_a_second` is how much of an answer gets through, 0 for all of it; after `left` bytes more nothing does, and the way is cut."""

    target: str
    bytes_a_second: int = 0
    left: float = float("inf")
    address: str = ""
    carried: int = 0
    _server: socket.socket = field(init=False)

    def open(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._server.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._server.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._server.accept()
                if self.left <= 0:
                    client.close()
                    continue
                host, _, port = self.target.partition(":")
                upstream = socket.create_connection((host, int(port)))
                for source, sink, counts in ((client, upstream, False), (upstream, client, True)):
                    threading.Thread(target=self._carry, args=(source, sink, counts), daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket, counts: bool) -> None:
        with suppress(OSError):
            while piece := source.recv(_PIECE):
                if counts:
                    self.carried += len(piece)
                    self.left -= len(piece)
                    if self.left <= 0:
                        break
                    if self.bytes_a_second:
                        time.sleep(len(piece) / self.bytes_a_second)
                sink.sendall(piece)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextmanager
def way_to(address: str) -> Iterator[RegistryWay]:
    way = RegistryWay(address)
    way.open()
    try:
        yield way
    finally:
        way.close()
