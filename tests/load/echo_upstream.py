"""A small real upstream: answers every POST with the id it found in the body, names its colour, remembers every id it saw.

    python echo_upstream.py COLOUR HOST PORT CERTIFICATE KEY

`GET /seen` gives all ids seen, one a line, in the order they came. It never closes a connection by itself.
"""

from __future__ import annotations

import asyncio
import re
import signal
import ssl
import sys
from typing import cast

import uvloop

_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
_ID = re.compile(rb'"id": ?"([^"]+)"')


class EchoProtocol(asyncio.Protocol):
    def __init__(self, colour: str, seen: list[bytes]) -> None:
        self._colour = colour.encode()
        self._seen = seen
        self._buffer = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH.search(self._buffer, 0, end)
            whole = end + 4 + (int(length[1]) if length else 0)
            if len(self._buffer) < whole:
                return
            self._answer(bytes(self._buffer[:end]), bytes(self._buffer[end + 4 : whole]))
            del self._buffer[:whole]

    def _answer(self, head: bytes, body: bytes) -> None:
        if head.startswith(b"GET /seen"):
            self._write(b"\n".join(self._seen))
        elif found := _ID.search(body):
            self._seen.append(found[1])
            self._write(b"ok\n", b"X-Counting-Id: %b\r\n" % found[1])
        else:
            self._write(b'{"status":"ok"}\n')

    def _write(self, body: bytes, headers: bytes = b"") -> None:
        self._transport.write(
            b"HTTP/1.1 200 OK\r\nX-Echobase-Colour: %b\r\n%bContent-Length: %d\r\n\r\n%b" % (self._colour, headers, len(body), body)
        )


async def serve(colour: str, host: str, port: int, certificate: str, key: str) -> None:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, key)
    seen: list[bytes] = []
    loop = asyncio.get_running_loop()
    terminated = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, terminated.set)
    server = await loop.create_server(lambda: EchoProtocol(colour, seen), host, port, ssl=tls, backlog=1024)
    print("listening", flush=True)
    await terminated.wait()
    server.close()


if __name__ == "__main__":
    _, *arguments = sys.argv
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(arguments[0], arguments[1], int(arguments[2]), arguments[3], arguments[4]))
