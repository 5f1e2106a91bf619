"""Reads a log that grows and is rotated: every line once, whoever renames, truncates or replaces the file meanwhile."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import BinaryIO

_PIECE = 1 << 20
# At most so much at a time, so that a backlog does not keep others waiting.
_AT_A_TIME = 8 << 20
# How long somebody may go on writing into a file that was renamed.
_FAREWELL_SECONDS = 30.0


class EdgeLog:
    """Begins where the log ends: what is there already was counted by whoever ran before."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._renamed: list[_OpenLog] = []
        self._current = self._open(at_end=True)

    @property
    def is_readable(self) -> bool:
        return self._current is not None

    @property
    def unread_bytes(self) -> int:
        return sum(log.unread_bytes for log in self._logs())

    def lines(self) -> Iterator[bytes]:
        """Gives the lines that were completed since the last call."""
        self._follow_rename()
        for log in self._logs():
            yield from log.lines()
        for log in [log for log in self._renamed if log.is_quiet]:
            self._renamed.remove(log)
            log.close()

    def close(self) -> None:
        for log in self._logs():
            log.close()

    def _logs(self) -> list[_OpenLog]:
        return [*self._renamed, *([self._current] if self._current else [])]

    def _follow_rename(self) -> None:
        if self._current is not None and self._current.is_at(self._path):
            return
        successor = self._open(at_end=False)
        # Between the rename and the reopening there is no file: the renamed one is still the current one.
        if successor is None:
            return
        if self._current is not None:
            self._renamed.append(self._current)
        self._current = successor

    def _open(self, at_end: bool) -> _OpenLog | None:
        try:
            return _OpenLog(self._path.open("rb", buffering=0), at_end)
        except OSError:
            return None


class _OpenLog:
    def __init__(self, stream: BinaryIO, at_end: bool) -> None:
        self._stream = stream
        self._position = self._end_of_last_line() if at_end else 0
        self._rest = b""
        self._last_growth = monotonic()

    @property
    def unread_bytes(self) -> int:
        return max(0, self._size() - self._position)

    @property
    def is_quiet(self) -> bool:
        return monotonic() - self._last_growth > _FAREWELL_SECONDS

    def is_at(self, path: Path) -> bool:
        with suppress(OSError):
            return os.path.samestat(os.fstat(self._stream.fileno()), path.stat())
        return False

    def lines(self) -> Iterator[bytes]:
        if self._size() < self._position:
            # Truncated: it begins anew.
            self._position, self._rest = 0, b""
        until = self._position + _AT_A_TIME
        while self._position < until:
            piece = os.pread(self._stream.fileno(), _PIECE, self._position)
            if not piece:
                return
            self._position += len(piece)
            self._last_growth = monotonic()
            *complete, self._rest = (self._rest + piece).split(b"\n")
            yield from complete

    def close(self) -> None:
        self._stream.close()

    def _size(self) -> int:
        return os.fstat(self._stream.fileno()).st_size

    def _end_of_last_line(self) -> int:
        size = self._size()
        begin = max(0, size - _PIECE)
        return begin + os.pread(self._stream.fileno(), size - begin, begin).rfind(b"\n") + 1
