"""Reads one HTTP/1.1 answer at a time from the bytes of a connection."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from typing import Any

_LONGEST_HEAD = 64 * 1024


class GarbledAnswer(Exception):
    """What came is not an HTTP/1.1 answer."""


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
    CHUNK_SIZE = "size of a chunk"
    CHUNK = "chunk"
    TRAILER = "trailer"
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
        while self._advance():
            if self._part is _Part.HEAD:
                answer = self._answer(self._says_keep_alive())
                self._begin()
                return answer
        return None

    def closed(self) -> Answer | None:
        """The peer closed its side: complete only where the length was left open."""
        if self._part is not _Part.BODY_UNTIL_CLOSED:
            return None
        answer = self._answer(keep_alive=False)
        self._begin()
        return answer

    def _answer(self, keep_alive: bool) -> Answer:
        return Answer(self._status, self._headers, bytes(self._body), keep_alive)

    def _advance(self) -> bool:
        """One part forward; false when more bytes are needed. Back at HEAD means: complete."""
        match self._part:
            case _Part.HEAD:
                return self._read_head()
            case _Part.COUNTED_BODY:
                return self._read_counted(_Part.HEAD)
            case _Part.CHUNK_SIZE:
                return self._read_chunk_size()
            case _Part.CHUNK:
                return self._read_chunk()
            case _Part.TRAILER:
                return self._read_trailer()
            case _Part.BODY_UNTIL_CLOSED:
                self._body += self._buffer
                self._buffer.clear()
                return False

    def _read_head(self) -> bool:
        while True:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                if len(self._buffer) > _LONGEST_HEAD:
                    raise GarbledAnswer("endless head")
                return False
            lines = self._buffer[:end].decode("latin-1").split("\r\n")
            del self._buffer[: end + 4]
            self._status = _status(lines[0])
            # An interim answer (100, 103) is followed by the real one.
            if self._status >= 200:
                break
        self._headers = _headers(lines[1:])
        if self._status in (204, 304):
            self._missing = 0
            return self._read_counted(_Part.HEAD)
        if "chunked" in self._headers.get("transfer-encoding", "").lower():
            self._part = _Part.CHUNK_SIZE
        elif "content-length" in self._headers:
            self._missing = _number(self._headers["content-length"], 10)
            self._part = _Part.COUNTED_BODY
            return self._read_counted(_Part.HEAD)
        else:
            self._part = _Part.BODY_UNTIL_CLOSED
        return True

    def _read_counted(self, following: _Part) -> bool:
        self._take()
        if self._missing:
            return False
        self._part = following
        return True

    def _take(self) -> None:
        taken = self._buffer[: self._missing]
        self._body += taken
        del self._buffer[: len(taken)]
        self._missing -= len(taken)

    def _read_chunk_size(self) -> bool:
        line = self._line()
        if line is None:
            return False
        self._missing = _number(line.split(b";")[0].decode("latin-1"), 16)
        self._part = _Part.CHUNK if self._missing else _Part.TRAILER
        return True

    def _read_chunk(self) -> bool:
        self._take()
        if self._missing or len(self._buffer) < 2:
            return False
        if self._buffer[:2] != b"\r\n":
            raise GarbledAnswer("a chunk is longer than its size")
        del self._buffer[:2]
        self._part = _Part.CHUNK_SIZE
        return True

    def _read_trailer(self) -> bool:
        line = self._line()
        if line is None:
            return False
        if not line:
            self._part = _Part.HEAD
        return True

    def _line(self) -> bytes | None:
        end = self._buffer.find(b"\r\n")
        if end < 0:
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        return line

    def _says_keep_alive(self) -> bool:
        return "close" not in self._headers.get("connection", "").lower()


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


def _number(text: str, base: int) -> int:
    try:
        number = int(text.strip(), base)
    except ValueError:
        number = -1
    if number < 0:
        raise GarbledAnswer(f"not a length: {text[:80]!r}")
    return number
