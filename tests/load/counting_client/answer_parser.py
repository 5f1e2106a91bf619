"""Reads one HTTP/1.1 answer at a time from the bytes of a connection."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from typing import Any

from counting_client.chunked_body import ChunkedBody, GarbledBody

_LONGEST_HEAD = 64 * 1024
SWITCHING_PROTOCOLS = 101


class GarbledAnswer(Exception):
    """What came is not an HTTP answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    # Names in lower case; values of a repeated header are joined by a newline.
    headers: dict[str, str]
    body: bytes
    keep_alive: bool

    def json(self) -> Any:
        return json.loads(self.body)


class _Part(Enum):
    HEAD = "head"
    COUNTED_BODY = "counted body"
    CHUNKED_BODY = "chunked body"
    BODY_UNTIL_CLOSED = "body until closed"


class AnswerParser:
    def __init__(self) -> None:
        self._buffer = bytearray()
        self._begin()

    def _begin(self) -> None:
        self._part = _Part.HEAD
        self._status = 0
        self._headers: dict[str, str] = {}
        self._body = bytearray()
        self._missing = 0

    @property
    def begun(self) -> bool:
        """Something of an answer is here which is not complete."""
        return bool(self._buffer) or self._part is not _Part.HEAD

    def feed(self, data: bytes) -> Answer | None:
        """The answer, once its last byte is here. What follows it is kept: call again with nothing to look at it."""
        self._buffer += data
        if self._part is _Part.HEAD and not self._read_head():
            return None
        return self._answer(self._says_keep_alive()) if self._read_body() else None

    def closed(self) -> Answer | None:
        """The peer closed its side: complete only where the length was left open."""
        return self._answer(keep_alive=False) if self._part is _Part.BODY_UNTIL_CLOSED else None

    def _answer(self, keep_alive: bool) -> Answer:
        answer = Answer(self._status, self._headers, bytes(self._body), keep_alive)
        self._begin()
        return answer

    def _read_head(self) -> bool:
        """False when more bytes are needed."""
        head = take_head(self._buffer)
        if head is None:
            return False
        self._status, self._headers = head
        if self._status == SWITCHING_PROTOCOLS:
            raise GarbledAnswer("an upgrade that nobody asked for")
        if self._status in (204, 304):
            self._part = _Part.COUNTED_BODY
        elif "chunked" in self._headers.get("transfer-encoding", "").lower():
            self._part = _Part.CHUNKED_BODY
            self._chunks = ChunkedBody()
        elif "content-length" in self._headers:
            self._missing = _length(self._headers["content-length"])
            self._part = _Part.COUNTED_BODY
        else:
            self._part = _Part.BODY_UNTIL_CLOSED
        return True

    def _read_body(self) -> bool:
        """True with its last byte."""
        match self._part:
            case _Part.COUNTED_BODY:
                taken = self._buffer[: self._missing]
                self._body += taken
                del self._buffer[: len(taken)]
                self._missing -= len(taken)
                return not self._missing
            case _Part.CHUNKED_BODY:
                try:
                    self._body += self._chunks.decode(self._buffer)
                except GarbledBody as error:
                    raise GarbledAnswer(str(error)) from error
                return self._chunks.over
            case _:
                self._body += self._buffer
                self._buffer.clear()
                return False

    def _says_keep_alive(self) -> bool:
        return "close" not in self._headers.get("connection", "").lower()


def take_head(buffer: bytearray) -> tuple[int, dict[str, str]] | None:
    """Status and headers, once they are complete; they are taken out of the buffer.

    Interim answers (100, 103), which are followed by the real one, are left out.
    """
    while (end := buffer.find(b"\r\n\r\n")) >= 0:
        lines = buffer[:end].decode("latin-1").split("\r\n")
        del buffer[: end + 4]
        status = _status(lines[0])
        if status >= 200 or status == SWITCHING_PROTOCOLS:
            return status, _headers(lines[1:])
    if len(buffer) > _LONGEST_HEAD:
        raise GarbledAnswer("endless head")
    return None


def _status(line: str) -> int:
    version, _, rest = line.partition(" ")
    if not version.startswith("HTTP/1.") or not rest[:3].isdigit():
        raise GarbledAnswer(f"not a status line: {line[:80]!r}")
    return int(rest[:3])


def _headers(lines: list[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            raise GarbledAnswer(f"not a header: {line[:80]!r}")
        name, value = name.lower(), value.strip()
        headers[name] = f"{headers[name]}\n{value}" if name in headers else value
    return headers


def _length(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise GarbledAnswer(f"not a length: {text[:80]!r}")
    return int(text)
