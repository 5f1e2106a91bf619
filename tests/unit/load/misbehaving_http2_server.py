"""A real HTTP/2 server on loopback that answers its n-th request the way a test wants it to."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import DataReceived, RequestReceived, StreamEnded
from h2.settings import SettingCodes, Settings
from hyperframe.frame import GoAwayFrame, HeadersFrame


class Peer(asyncio.Protocol):
    """The server's side of one connection."""

    def __init__(self, behaviours: Iterator[Behaviour], settings: dict[SettingCodes, int]) -> None:
        self.h2 = H2Connection(H2Configuration(client_side=False, header_encoding=None))
        self.h2.local_settings = Settings(client=False, initial_values=settings)
        self.bodies: dict[int, int] = {}
        self._behaviours = behaviours
        self._ids: dict[int, str] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.h2.initiate_connection()
        self.flush()

    def data_received(self, data: bytes) -> None:
        for event in self.h2.receive_data(data):
            match event:
                case RequestReceived(stream_id=number):
                    self._ids[number] = next(value for name, value in event.headers if name == b"x-counting-id").decode()
                case DataReceived(stream_id=number):
                    self.bodies[number] = self.bodies.get(number, 0) + len(event.data)
                    self.h2.acknowledge_received_data(event.flow_controlled_length, number)
                case StreamEnded(stream_id=number):
                    next(self._behaviours, answer)(self, number, self._ids[number])
        self.flush()

    def flush(self) -> None:
        self.transport.write(self.h2.data_to_send())

    def go_away(self, last: int) -> None:
        """Past the state machine, which would answer nothing any more."""
        self.flush()
        self.transport.write(GoAwayFrame(0, last_stream_id=last).serialize())


Behaviour = Callable[[Peer, int, str], None]


def answer(peer: Peer, stream: int, request_id: str, status: int = 200) -> None:
    headers = [(":status", str(status)), ("x-echobase-colour", "blue"), ("x-counting-id", request_id), ("content-length", "2")]
    peer.h2.send_headers(stream, headers)
    peer.h2.send_data(stream, b"ok", end_stream=True)


def fail(peer: Peer, stream: int, request_id: str) -> None:
    answer(peer, stream, request_id, status=502)


def answer_for_another(peer: Peer, stream: int, _: str) -> None:
    answer(peer, stream, "somebody-else")


def answer_twice(peer: Peer, stream: int, request_id: str) -> None:
    answer(peer, stream, request_id)
    peer.flush()
    again = HeadersFrame(stream, peer.h2.encoder.encode([(":status", "200")]))
    again.flags.add("END_HEADERS")
    peer.transport.write(again.serialize())


def refuse(peer: Peer, stream: int, _: str) -> None:
    peer.h2.reset_stream(stream, ErrorCodes.REFUSED_STREAM)


def reset(peer: Peer, stream: int, _: str) -> None:
    peer.h2.reset_stream(stream, ErrorCodes.INTERNAL_ERROR)


def reset_after_half(peer: Peer, stream: int, _: str) -> None:
    peer.h2.send_headers(stream, [(":status", "200"), ("content-length", "100")])
    peer.h2.send_data(stream, b"half")
    peer.h2.reset_stream(stream, ErrorCodes.INTERNAL_ERROR)


def leave_without_it(peer: Peer, stream: int, _: str) -> None:
    """The promise: neither this stream nor any later one was processed."""
    peer.go_away(stream - 2)
    peer.transport.close()


def leave_after_it(peer: Peer, stream: int, request_id: str) -> None:
    """As a server does that shuts down gracefully: it answers what it has taken."""
    peer.go_away(stream)
    answer(peer, stream, request_id)
    peer.flush()
    peer.transport.close()


def take_it_and_leave(peer: Peer, stream: int, _: str) -> None:
    peer.go_away(stream)
    peer.transport.close()


def close(peer: Peer, stream: int, _: str) -> None:
    peer.flush()
    peer.transport.close()


def say_nothing(peer: Peer, stream: int, _: str) -> None:
    pass


def talk_nonsense(peer: Peer, stream: int, _: str) -> None:
    peer.flush()
    peer.transport.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")


@asynccontextmanager
async def http2_server(
    certificate: Path, *behaviours: Behaviour, settings: dict[SettingCodes, int] | None = None, always: Behaviour | None = None
) -> AsyncIterator[int]:
    """The port. Requests are answered in turn by the behaviours, then `always`, or else well."""

    def turns() -> Iterator[Behaviour]:
        yield from behaviours
        while always:
            yield always

    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate / "tls.crt", certificate / "tls.key")
    tls.set_alpn_protocols(["h2"])
    shared = turns()
    listening = await asyncio.get_running_loop().create_server(lambda: Peer(shared, settings or {}), "127.0.0.1", 0, ssl=tls)
    async with listening:
        yield listening.sockets[0].getsockname()[1]
