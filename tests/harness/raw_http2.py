"""An HTTP/2 client that sends what the protocol forbids."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType

import h2.config
import h2.connection
import h2.events

_PATIENCE = 20
Header = tuple[str, str]


@dataclass
class StreamEnd:
    """How a stream ended: with an answer's status, or with the error code that it was reset with."""

    status: int | None = None
    reset: int | None = None


@dataclass
class RawHttp2:
    port: int
    context: ssl.SSLContext
    ends: dict[int, StreamEnd] = field(default_factory=dict)
    goodbye: int | None = None
    is_open: bool = True

    def __enter__(self) -> RawHttp2:
        self.context.set_alpn_protocols(["h2"])
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=_PATIENCE)
        self.socket = self.context.wrap_socket(plain, server_hostname="localhost")
        assert self.socket.selected_alpn_protocol() == "h2"
        # Neither side's headers are judged here: that is for the tests.
        self.h2 = h2.connection.H2Connection(
            h2.config.H2Configuration(
                validate_outbound_headers=False,
                normalize_outbound_headers=False,
                validate_inbound_headers=False,
                header_encoding="latin-1",
            )
        )
        self.h2.initiate_connection()
        self.flush()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.socket.close()

    def flush(self) -> None:
        try:
            self.socket.sendall(self.h2.data_to_send())
        except OSError:
            self.is_open = False

    def open(self, headers: Sequence[Header], body: bytes | None = None, ends: bool = True) -> int:
        stream = self.h2.get_next_available_stream_id()
        self.h2.send_headers(stream, list(headers), end_stream=ends and body is None)
        if body is not None:
            self.h2.send_data(stream, body, end_stream=ends)
        self.ends[stream] = StreamEnd()
        return stream

    def await_end(self, stream: int) -> StreamEnd:
        """Waits until the stream has ended, or the connection has."""
        self.flush()
        while self.is_open and not self._is_over(stream):
            self.receive()
        return self.ends[stream]

    def receive(self) -> None:
        try:
            data = self.socket.recv(65536)
        except (ConnectionResetError, ssl.SSLEOFError):
            data = b""
        if not data:
            self.is_open = False
            return
        for event in self.h2.receive_data(data):
            self._note(event)
        self.flush()

    def _note(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.ResponseReceived):
            headers = dict(event.headers or [])
            self.ends[event.stream_id].status = int(headers[":status"])
        elif isinstance(event, h2.events.StreamReset):
            self.ends[event.stream_id].reset = int(event.error_code)
        elif isinstance(event, h2.events.ConnectionTerminated):
            self.goodbye = int(event.error_code)
        elif isinstance(event, h2.events.DataReceived):
            self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)

    def _is_over(self, stream: int) -> bool:
        return self.ends[stream] != StreamEnd()
