"""One HTTP/2 connection over TLS, shared by many streams. Only who asks for HTTP/2 needs the package h2."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import cast

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import DataReceived, Event, RemoteSettingsChanged, ResponseReceived, StreamEnded, StreamReset, WindowUpdated
from h2.exceptions import ProtocolError, StreamClosedError
from h2.settings import SettingCodes, Settings

from counting_client.answer_parser import Answer
from counting_client.config import Target
from counting_client.lost import Lost, Refused, closed, too_late

Fields = Sequence[tuple[bytes, bytes]]

_FRAME_HEAD = 9
_GOAWAY = 7
_CONFIGURATION = H2Configuration(client_side=True, header_encoding=None, validate_outbound_headers=False, normalize_outbound_headers=False)


class _StateMachine(H2Connection):
    # By default it remembers 65,536 streams of the past: far more memory than all else the client keeps.
    MAX_CLOSED_STREAMS = 1024


@dataclass(slots=True)
class _Stream:
    answer: asyncio.Future[Answer]
    # What of the request's body is still to be sent.
    body: memoryview
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    content: bytearray = field(default_factory=bytearray)


class Http2Connection(asyncio.Protocol):
    def __init__(self, count_unasked: Callable[[], None]) -> None:
        self._count_unasked = count_unasked
        self._transport: asyncio.Transport | None = None
        self._h2 = _StateMachine(_CONFIGURATION)
        self._h2.local_settings = Settings(client=True, initial_values={SettingCodes.ENABLE_PUSH: 0})
        self._buffer = bytearray()
        self._streams: dict[int, _Stream] = {}
        self._leaving = False
        self._flushing = False
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @classmethod
    async def open(
        cls, target: Target, tls: ssl.SSLContext, timeout: float, streams: int, count_unasked: Callable[[], None]
    ) -> Http2Connection:
        """For so many streams at once. Returns when the server's settings are known. Raises OSError when it cannot be had."""
        host, port = target.address
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(timeout):
            _, connection = await loop.create_connection(lambda: cls(count_unasked), host, port, ssl=tls, server_hostname=target.host)
            await connection._ready
        allowed = connection._h2.remote_settings.max_concurrent_streams
        if allowed < streams:
            connection.close()
            raise ConnectionError(f"the server allows {allowed} streams on a connection, not {streams}")
        return connection

    @property
    def usable(self) -> bool:
        """For a new stream."""
        return self._transport is not None and not self._transport.is_closing() and not self._leaving

    async def exchange(self, fields: Fields, body: bytes, timeout: float) -> Answer:
        """Raises Lost, or Refused when the server promised not to have processed it."""
        loop = asyncio.get_running_loop()
        number = self._h2.get_next_available_stream_id()
        stream = self._streams[number] = _Stream(loop.create_future(), memoryview(body))
        self._h2.send_headers(number, fields, end_stream=not body)
        self._send_body(number, stream)
        self._flush_soon()
        expiry = loop.call_later(timeout, self._expire, number, timeout)
        try:
            return await stream.answer
        finally:
            expiry.cancel()
            self._streams.pop(number, None)
            if self._leaving and not self._streams:
                self.close()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        if transport.get_extra_info("ssl_object").selected_alpn_protocol() != "h2":
            self._ready.set_exception(ConnectionError("the server does not speak HTTP/2"))
            self.close()
            return
        self._h2.initiate_connection()
        self._flush()

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        if not self._ready.done():
            self._ready.set_exception(error if isinstance(error, OSError) else ConnectionError("closed before the server's settings came"))
        streams, self._streams = self._streams, {}
        for stream in streams.values():
            _fail(stream, closed(error, "in the middle of the answer" if stream.status else "before any answer"))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while len(self._buffer) >= _FRAME_HEAD:
            whole = _FRAME_HEAD + int.from_bytes(self._buffer[:3], "big")
            if whole > _FRAME_HEAD + self._h2.max_inbound_frame_size:
                self._garbled(f"not an HTTP/2 frame: {bytes(self._buffer[:40])!r}")
                return
            if len(self._buffer) < whole:
                break
            frame = bytes(self._buffer[:whole])
            del self._buffer[:whole]
            if frame[3] == _GOAWAY:
                # Not for h2: after a GOAWAY it accepts no more of the streams that the server is still answering.
                self._go_away(int.from_bytes(frame[9:13], "big") & 0x7FFFFFFF, int.from_bytes(frame[13:17], "big"))
            elif not self._receive(frame):
                return
        self._flush()

    def _receive(self, frame: bytes) -> bool:
        """False when the connection cannot go on."""
        try:
            for event in self._h2.receive_data(frame):
                self._handle(event)
        except StreamClosedError:
            # More for a stream whose answer was complete.
            self._count_unasked()
            self._garbled("something followed a whole answer")
            return False
        except ProtocolError as error:
            self._garbled(f"{type(error).__name__}: {error}")
            return False
        return True

    def _handle(self, event: Event) -> None:
        match event:
            case ResponseReceived(stream_id=number):
                if stream := self._streams.get(number):
                    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in event.headers}
                    stream.status, stream.headers = int(headers.pop(":status")), headers
            case DataReceived(stream_id=number):
                self._h2.acknowledge_received_data(event.flow_controlled_length, number)
                if stream := self._streams.get(number):
                    stream.content += event.data
            case StreamEnded(stream_id=number):
                if stream := self._streams.pop(number, None):
                    if stream.body:
                        # Answered before it was whole: the rest is not wanted.
                        self._h2.reset_stream(number, ErrorCodes.NO_ERROR)
                    _succeed(stream)
            case StreamReset(stream_id=number):
                if stream := self._streams.pop(number, None):
                    _fail(stream, _of_reset(event, stream))
            case RemoteSettingsChanged() | WindowUpdated():
                if not self._ready.done():
                    self._ready.set_result(None)
                for number, stream in self._streams.items():
                    self._send_body(number, stream)

    def _go_away(self, last: int, code: int) -> None:
        self._leaving = True
        for number in [number for number in self._streams if number > last]:
            _fail(self._streams.pop(number), Refused(f"GOAWAY {code}, the last stream processed is {last}"))

    def _send_body(self, number: int, stream: _Stream) -> None:
        while stream.body:
            room = min(self._h2.local_flow_control_window(number), self._h2.max_outbound_frame_size)
            if room <= 0:
                return
            piece, stream.body = stream.body[:room], stream.body[room:]
            self._h2.send_data(number, piece.tobytes(), end_stream=not stream.body)

    def _garbled(self, detail: str) -> None:
        for stream in self._streams.values():
            _fail(stream, Lost("garbled", detail))
        self._streams.clear()
        if not self._ready.done():
            self._ready.set_exception(ConnectionError(detail))
        self.close()

    def _expire(self, number: int, timeout: float) -> None:
        if stream := self._streams.pop(number, None):
            # Whatever is wrong with it may be wrong with the connection.
            self._leaving = True
            _fail(stream, too_late(timeout))
            self._h2.reset_stream(number, ErrorCodes.CANCEL)
            self._flush_soon()

    def _flush_soon(self) -> None:
        """Once for all streams that write at the same time."""
        if not self._flushing:
            self._flushing = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        if self._transport is not None and (data := self._h2.data_to_send()):
            self._transport.write(data)


def _of_reset(event: StreamReset, stream: _Stream) -> Lost | Refused:
    if not event.remote_reset:
        return Lost("garbled", f"the answer broke the protocol ({event.error_code!r})")
    if event.error_code == ErrorCodes.REFUSED_STREAM:
        return Refused("RST_STREAM: REFUSED_STREAM")
    after = "in the middle of the answer" if stream.status else "before any answer"
    return Lost("reset", f"RST_STREAM with code {event.error_code!r} {after}")


def _succeed(stream: _Stream) -> None:
    if not stream.answer.done():
        stream.answer.set_result(Answer(stream.status, stream.headers, bytes(stream.content), keep_alive=True))


def _fail(stream: _Stream, reason: Lost | Refused) -> None:
    if not stream.answer.done():
        stream.answer.set_exception(reason)
