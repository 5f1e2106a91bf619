"""WebSocket frames (RFC 6455), as far as a client of text messages needs them."""

from __future__ import annotations

import base64
import hashlib
import os
import struct
from dataclasses import dataclass
from enum import IntEnum

_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_FINAL = 0x80
_MASKED = 0x80
_LONGEST = 1 << 20


class GarbledFrame(ValueError):
    """What came is not a frame that belongs here."""


class Opcode(IntEnum):
    CONTINUATION = 0x0
    TEXT = 0x1
    BINARY = 0x2
    CLOSE = 0x8
    PING = 0x9
    PONG = 0xA


@dataclass(frozen=True, slots=True)
class Frame:
    opcode: Opcode
    payload: bytes

    @property
    def close_code(self) -> int:
        """1005 is the standard's word for: none was given."""
        return int.from_bytes(self.payload[:2], "big") if len(self.payload) >= 2 else 1005


class FrameReader:
    """Of one side's frames: a server's are never masked, a client's always."""

    def __init__(self, masked: bool = False) -> None:
        self._masked = masked
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        self._buffer += data
        frames = []
        while (frame := self._take()) is not None:
            frames.append(frame)
        return frames

    def _take(self) -> Frame | None:
        if len(self._buffer) < 2:
            return None
        first, second = self._buffer[0], self._buffer[1]
        if first & 0x70 or not first & _FINAL or bool(second & _MASKED) != self._masked:
            raise GarbledFrame(f"not a frame: {bytes(self._buffer[:20])!r}")
        start, length = 2, second & 0x7F
        if length >= 126:
            start, form = (4, "!H") if length == 126 else (10, "!Q")
            if len(self._buffer) < start:
                return None
            (length,) = struct.unpack(form, self._buffer[2:start])
        if length > _LONGEST:
            raise GarbledFrame(f"a frame of {length} bytes")
        body = start + (4 if self._masked else 0)
        if len(self._buffer) < body + length:
            return None
        payload = bytes(self._buffer[body : body + length])
        if self._masked:
            payload = masked(payload, bytes(self._buffer[start:body]))
        del self._buffer[: body + length]
        try:
            return Frame(Opcode(first & 0x0F), payload)
        except ValueError as error:
            raise GarbledFrame(f"opcode {first & 0x0F}") from error


def client_frame(opcode: Opcode, payload: bytes) -> bytes:
    mask = os.urandom(4)
    return _head(opcode, len(payload), _MASKED) + mask + masked(payload, mask)


def server_frame(opcode: Opcode, payload: bytes) -> bytes:
    return _head(opcode, len(payload), 0) + payload


def close_payload(code: int) -> bytes:
    return struct.pack("!H", code)


def acceptance(key: str) -> str:
    """What a server must answer to this Sec-WebSocket-Key."""
    return base64.b64encode(hashlib.sha1((key + _GUID).encode()).digest()).decode()


def masked(payload: bytes, mask: bytes) -> bytes:
    """Masks, and takes the mask off again."""
    pattern = (mask * (len(payload) // 4 + 1))[: len(payload)]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(pattern, "big")).to_bytes(len(payload), "big")


def _head(opcode: Opcode, length: int, mask_bit: int) -> bytes:
    first = _FINAL | opcode
    if length < 126:
        return bytes((first, mask_bit | length))
    if length < 1 << 16:
        return struct.pack("!BBH", first, mask_bit | 126, length)
    return struct.pack("!BBQ", first, mask_bit | 127, length)
