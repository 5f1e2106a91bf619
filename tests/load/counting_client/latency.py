"""How long answers took, over the whole run and around its switches."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

Window = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Latency:
    """In seconds."""

    count: int
    p50: float
    p99: float
    slowest: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Latency:
        ordered = sorted(values)
        return cls(len(ordered), _quantile(ordered, 0.50), _quantile(ordered, 0.99), ordered[-1] if ordered else 0.0)


class Latencies:
    """One entry an answer, in the order they came: twelve bytes each, so a million of them are a small matter."""

    def __init__(self) -> None:
        self._ended = array("d")
        self._took = array("f")

    def add(self, ended: float, took: float) -> None:
        self._ended.append(ended)
        self._took.append(took)

    def all(self) -> array[float]:
        return self._took

    def between(self, start: float, end: float) -> array[float]:
        """Of the answers that came in this time."""
        return self._took[bisect_left(self._ended, start) : bisect_left(self._ended, end)]

    def touching(self, windows: Sequence[Window]) -> tuple[array[float], array[float]]:
        """Of the requests that were under way in one of the windows, and of the others. Windows are in order, apart from each other."""
        marks = bytearray(len(self._took))
        slowest = max(self._took, default=0.0)
        for start, end in windows:
            first, last = bisect_left(self._ended, start), bisect_right(self._ended, end)
            marks[first:last] = b"\x01" * (last - first)
            # Sent within the window, answered after it.
            for late in range(last, bisect_right(self._ended, end + slowest)):
                if self._ended[late] - self._took[late] <= end:
                    marks[late] = 1
        return (
            array("f", (took for took, mark in zip(self._took, marks, strict=True) if mark)),
            array("f", (took for took, mark in zip(self._took, marks, strict=True) if not mark)),
        )


def merged(windows: Iterable[Window]) -> list[Window]:
    """The same time in windows which do not overlap."""
    return list(_merge(sorted(windows)))


def _merge(windows: Iterable[Window]) -> Iterator[Window]:
    current: Window | None = None
    for start, end in windows:
        if current is None or start > current[1]:
            if current is not None:
                yield current
            current = (start, end)
        else:
            current = (current[0], max(current[1], end))
    if current is not None:
        yield current


def _quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else 0.0
