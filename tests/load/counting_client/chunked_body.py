"""Takes the chunks of an HTTP/1.1 body apart, in whatever pieces they come."""

from __future__ import annotations


class GarbledBody(ValueError):
    """What came is not a chunked body."""


class ChunkedBody:
    def __init__(self) -> None:
        self.over = False
        self._missing = 0
        self._in_trailer = False
        self._ends_chunk = False

    def decode(self, buffer: bytearray) -> bytes:
        """The contents that are complete so far; they and their framing are taken out of the buffer."""
        contents = bytearray()
        while not self.over:
            if self._missing:
                taken = buffer[: self._missing]
                contents += taken
                del buffer[: len(taken)]
                self._missing -= len(taken)
                if self._missing:
                    break
                self._ends_chunk = True
            if not self._begin_chunk(buffer):
                break
        return bytes(contents)

    def _begin_chunk(self, buffer: bytearray) -> bool:
        """False when more bytes are needed."""
        if self._ends_chunk:
            if len(buffer) < 2:
                return False
            if buffer[:2] != b"\r\n":
                raise GarbledBody("a chunk is longer than its size")
            del buffer[:2]
            self._ends_chunk = False
        end = buffer.find(b"\r\n")
        if end < 0:
            return False
        line = bytes(buffer[:end])
        del buffer[: end + 2]
        if self._in_trailer:
            self.over = not line
        else:
            self._missing = _size(line)
            self._in_trailer = self._missing == 0
        return True


def chunk(piece: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(piece), piece)


LAST_CHUNK = b"0\r\n\r\n"


def _size(line: bytes) -> int:
    try:
        size = int(line.split(b";")[0].strip(), 16)
    except ValueError:
        size = -1
    if size < 0:
        raise GarbledBody(f"not the size of a chunk: {line[:80]!r}")
    return size
