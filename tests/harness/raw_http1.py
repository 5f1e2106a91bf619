"""An HTTP/1.1 client that sends exactly the bytes it is given, which no proper client library would."""

from __future__ import annotations

import re
import socket
import ssl
from dataclasses import dataclass
from types import TracebackType

_PATIENCE = 20
_LENGTH = re.compile(r"^content-length: *(\d+)\r?$", re.I | re.M)
_CHUNKED = re.compile(r"^transfer-encoding: *chunked\r?$", re.I | re.M)
_CLOSE = re.compile(r"(?im)^connection: close\r?$")


@dataclass(frozen=True)
class RawAnswer:
    status: int
    head: str
    body: bytes


class RawConnection:
    def __init__(self, port: int, context: ssl.SSLContext | None, source: str = "127.0.0.1") -> None:
        plain = socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE, source_address=(source, 0))
        self.socket: socket.socket = context.wrap_socket(plain, server_hostname="localhost") if context else plain
        self._unread = b""

    def __enter__(self) -> RawConnection:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def answers(self) -> list[RawAnswer]:
        """Gives all answers until the other side hangs up."""
        found = []
        while answer := self.answer():
            found.append(answer)
        return found

    def answer(self) -> RawAnswer | None:
        """Gives the next answer; None when the other side has hung up instead."""
        while b"\r\n\r\n" not in self._unread:
            if not self._receive():
                assert not self._unread, f"half an answer: {self._unread!r}"
                return None
        head, _, self._unread = self._unread.partition(b"\r\n\r\n")
        text = head.decode("latin-1")
        if _CHUNKED.search(text):
            body = self._chunks()
        elif length := _LENGTH.search(text):
            body = self._take(int(length[1]))
        else:
            body = self._rest() if _CLOSE.search(text) else b""
        return RawAnswer(int(text.split(" ", 2)[1]), text, body)

    def _chunks(self) -> bytes:
        body = b""
        while True:
            while b"\r\n" not in self._unread:
                assert self._receive(), "half a chunk"
            size, _, self._unread = self._unread.partition(b"\r\n")
            chunk = self._take(int(size, 16) + 2)
            if size == b"0":
                return body
            body += chunk[:-2]

    def _rest(self) -> bytes:
        """What is said to somebody whose words are no HTTP/1.1 ends with the connection."""
        while self._receive():
            pass
        rest, self._unread = self._unread, b""
        return rest

    def _take(self, length: int) -> bytes:
        while len(self._unread) < length:
            assert self._receive(), "half a body"
        taken, self._unread = self._unread[:length], self._unread[length:]
        return taken

    def _receive(self) -> bool:
        try:
            data = self.socket.recv(65536)
        except (ConnectionResetError, BrokenPipeError, ssl.SSLEOFError):
            return False
        self._unread += data
        return bool(data)
