"""A small real upstream that names its colour, echoes what it is told, and remembers the id of every request it answered.

    python echo_upstream.py COLOUR HOST PORT [CERTIFICATE KEY] [--fail SHARE]

POST                       answered with the id of its header X-Counting-Id and with the SHA-256 of its body
GET, Upgrade: websocket    a session that echoes every text message
GET, Accept: text/event-stream   events that are numbered by the clock, so that both colours give the same event the same number
GET /seen                  every id that was answered, one a line, in the order they came; messages are among them
GET /failed                how many requests were failed on purpose
GET /sessions              how many sessions are open now, and how many events were sent to all of them together

With --fail a fixed share of the POSTs, chosen by their ids, gets a 500, a reset or no answer at all. It never closes another connection.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import re
import signal
import socket
import ssl
import struct
import time
import zlib
from collections import Counter
from dataclasses import dataclass, field
from typing import cast

import uvloop

from counting_client.chunked_body import ChunkedBody
from counting_client.websocket_frames import FrameReader, Opcode, acceptance, server_frame

EVENTS_A_SECOND = 5
_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
_CHUNKED = re.compile(rb"(?i)\r\ntransfer-encoding: *chunked")
_ID = re.compile(rb"(?i)\r\nx-counting-id: *([^\r ]+)")
_KEY = re.compile(rb"(?i)\r\nsec-websocket-key: *([^\r ]+)")
_EVENTS = re.compile(rb"(?i)\r\naccept: *text/event-stream")
_WAYS_TO_FAIL = ("status 500", "reset", "hang")


@dataclass
class Colour:
    """What all connections of a process share."""

    name: bytes
    fail: float
    # One a line: a million of them are 18 MB, as objects they would be 60.
    seen: bytearray = field(default_factory=bytearray)
    failed: set[bytes] = field(default_factory=set)
    attempts_failed: Counter[str] = field(default_factory=Counter)
    echoing: set[asyncio.Transport] = field(default_factory=set)
    listening: set[asyncio.Transport] = field(default_factory=set)
    events_sent: int = 0

    def way_to_fail(self, request_id: bytes) -> str:
        """Empty for a request that is served. The same for every attempt of the same request."""
        lot = zlib.crc32(request_id)
        if lot >= self.fail * 2**32:
            return ""
        way = _WAYS_TO_FAIL[lot % len(_WAYS_TO_FAIL)]
        self.failed.add(request_id)
        self.attempts_failed[way] += 1
        return way

    def failures(self) -> bytes:
        counts = {"requests": len(self.failed), "attempts": self.attempts_failed.total(), "by_way": dict(self.attempts_failed)}
        return json.dumps(counts).encode() + b"\n"

    def sessions(self) -> bytes:
        counts = {"websockets": len(self.echoing), "event_streams": len(self.listening), "events": self.events_sent}
        return json.dumps(counts).encode() + b"\n"

    async def tick(self) -> None:
        number = int(time.time() * EVENTS_A_SECOND)
        while True:
            number += 1
            await asyncio.sleep(number / EVENTS_A_SECOND - time.time())
            event = b"id: %d\ndata: %b\n\n" % (number, self.name)
            for transport in self.listening:
                transport.write(b"%x\r\n%b\r\n" % (len(event), event))
            self.events_sent += len(self.listening)


class EchoProtocol(asyncio.Protocol):
    def __init__(self, colour: Colour) -> None:
        self._colour = colour
        self._buffer = bytearray()
        self._chunks: ChunkedBody | None = None
        self._body = bytearray()
        self._frames: FrameReader | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._colour.listening.discard(self._transport)
        self._colour.echoing.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        if self._frames is not None:
            self._echo(data)
            return
        self._buffer += data
        while self._frames is None and (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            if not self._take_request(end):
                return

    def _take_request(self, end: int) -> bool:
        """False when more bytes are needed."""
        if length := _LENGTH.search(self._buffer, 0, end):
            whole = end + 4 + int(length[1])
            if len(self._buffer) < whole:
                return False
            head, body = bytes(self._buffer[:end]), bytes(self._buffer[end + 4 : whole])
            del self._buffer[:whole]
        elif _CHUNKED.search(self._buffer, 0, end):
            self._chunks = self._chunks or ChunkedBody()
            head, rest = bytes(self._buffer[:end]), self._buffer[end + 4 :]
            self._body += self._chunks.decode(rest)
            self._buffer[end + 4 :] = rest
            if not self._chunks.over:
                return False
            body = bytes(self._body)
            del self._buffer[: end + 4]
            self._chunks, self._body = None, bytearray()
        else:
            head, body = bytes(self._buffer[:end]), b""
            del self._buffer[: end + 4]
        self._answer(head, body)
        return True

    def _answer(self, head: bytes, body: bytes) -> None:
        colour = self._colour
        found = _ID.search(head)
        if key := _KEY.search(head):
            self._begin_echoing(key[1], found)
        elif _EVENTS.search(head):
            self._begin_events(found)
        elif head.startswith(b"GET /seen "):
            self._write(bytes(colour.seen))
        elif head.startswith(b"GET /failed "):
            self._write(colour.failures())
        elif head.startswith(b"GET /sessions "):
            self._write(colour.sessions())
        elif found is None:
            self._write(b'{"status":"ok"}\n')
        elif way := colour.way_to_fail(found[1]):
            self._fail(way)
        else:
            self._remember(found)
            self._write(b"ok\n", b"X-Body-Sha256: %b\r\nX-Counting-Id: %b\r\n" % (hashlib.sha256(body).hexdigest().encode(), found[1]))

    def _begin_echoing(self, key: bytes, found: re.Match[bytes] | None) -> None:
        self._frames = FrameReader(masked=True)
        self._colour.echoing.add(self._transport)
        accept = acceptance(key.decode()).encode()
        self._open(found, b"101 Switching Protocols", b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: %b" % accept)

    def _begin_events(self, found: re.Match[bytes] | None) -> None:
        self._open(found, b"200 OK", b"Content-Type: text/event-stream\r\nX-Accel-Buffering: no\r\nTransfer-Encoding: chunked")
        self._colour.listening.add(self._transport)

    def _open(self, found: re.Match[bytes] | None, status: bytes, headers: bytes) -> None:
        self._remember(found)
        echoed = b"X-Counting-Id: %b\r\n" % found[1] if found else b""
        self._transport.write(b"HTTP/1.1 %b\r\n%b\r\nX-Echobase-Colour: %b\r\n%b\r\n" % (status, headers, self._colour.name, echoed))

    def _echo(self, data: bytes) -> None:
        assert self._frames is not None
        for frame in self._frames.feed(data):
            if frame.opcode is Opcode.TEXT:
                self._colour.seen += frame.payload + b"\n"
                self._transport.write(server_frame(Opcode.TEXT, frame.payload))
            elif frame.opcode is Opcode.PING:
                self._transport.write(server_frame(Opcode.PONG, frame.payload))
            elif frame.opcode is Opcode.CLOSE:
                self._transport.write(server_frame(Opcode.CLOSE, frame.payload))
                self._transport.close()

    def _fail(self, way: str) -> None:
        if way == "status 500":
            self._write(b"failed on purpose\n", status=b"500 Internal Server Error")
        elif way == "reset":
            self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()

    def _remember(self, found: re.Match[bytes] | None) -> None:
        if found:
            self._colour.seen += found[1] + b"\n"

    def _write(self, body: bytes, headers: bytes = b"", status: bytes = b"200 OK") -> None:
        head = b"HTTP/1.1 %b\r\nX-Echobase-Colour: %b\r\n%bContent-Length: %d\r\n\r\n" % (status, self._colour.name, headers, len(body))
        self._transport.write(head + body)


async def serve(options: argparse.Namespace) -> None:
    tls = None
    if options.certificate:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(options.certificate, options.key)
    colour = Colour(options.colour.encode(), options.fail)
    loop = asyncio.get_running_loop()
    terminated = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, terminated.set)
    ticking = asyncio.create_task(colour.tick())
    server = await loop.create_server(lambda: EchoProtocol(colour), options.host, options.port, ssl=tls, backlog=1024)
    print("listening", flush=True)
    await terminated.wait()
    ticking.cancel()
    server.close()


def main() -> None:
    parser = argparse.ArgumentParser(description="An upstream that echoes and remembers.")
    parser.add_argument("colour")
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("certificate", nargs="?")
    parser.add_argument("key", nargs="?")
    parser.add_argument("--fail", type=float, default=0.0, metavar="SHARE", help="of the POSTs, on purpose")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
