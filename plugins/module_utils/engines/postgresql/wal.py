"""The log of a PostgreSQL server as its archive holds it: segments on timelines that fork where a restored server began to write."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

SEGMENT_BYTES = 16 * 1024 * 1024
_SEGMENTS_PER_NAME = 2**32 // SEGMENT_BYTES
_SEGMENT = re.compile(r"[0-9A-F]{24}")
_SEGMENT_FILE = re.compile(r"([0-9A-F]{24})-[0-9a-f]{40}(?:\.\w+)?")
_HISTORY_FILE = re.compile(r"([0-9A-F]{8})\.history")


def position(lsn: str) -> int:
    """PostgreSQL writes it as two hexadecimal halves: 1/5000148."""
    high, low = lsn.split("/")
    return int(high, 16) * 2**32 + int(low, 16)


@dataclass(frozen=True, order=True)
class Segment:
    timeline: int
    number: int

    @classmethod
    def named(cls, name: str) -> Segment:
        if not _SEGMENT.fullmatch(name):
            raise ValueError(f"{name} names no segment")
        timeline, high, low = (int(name[start : start + 8], 16) for start in (0, 8, 16))
        return cls(timeline, high * _SEGMENTS_PER_NAME + low)

    @property
    def name(self) -> str:
        return f"{self.timeline:08X}{self.number // _SEGMENTS_PER_NAME:08X}{self.number % _SEGMENTS_PER_NAME:08X}"


@dataclass(frozen=True)
class ArchivedFile:
    # Its path in the repository.
    path: str
    at: datetime


@dataclass(frozen=True)
class Line:
    """The way through the timelines to the newest one of them: where each was left, except for the last."""

    timeline: int
    forks: tuple[tuple[int, int], ...] = ()

    def passes(self, timeline: int, place: int) -> bool:
        return timeline == self.timeline or any(parent == timeline and place <= left for parent, left in self.forks)

    def segment(self, number: int) -> Segment:
        """A segment in which a fork lies is the newer timeline's, as for a server in recovery."""
        for parent, left in self.forks:
            if number < left // SEGMENT_BYTES:
                return Segment(parent, number)
        return Segment(self.timeline, number)


@dataclass(frozen=True)
class Reach:
    """`last` is None where not even the first segment is there; `missing` is set when there are more after it."""

    last: Segment | None
    missing: str = ""


@dataclass(frozen=True)
class WalArchive:
    segments: Mapping[Segment, ArchivedFile]
    lines: Mapping[int, Line]

    def timelines_after(self, timeline: int, place: int) -> list[int]:
        """The timelines on which a server went on from there."""
        return sorted(number for number, line in self.lines.items() if line.passes(timeline, place))

    def timeline_at(self, moment: datetime | None, timelines: Iterable[int]) -> int:
        """The timeline that was served at the moment, or is now; this is seen by what was archived soon after."""
        among = set(timelines)
        archived = sorted((file.at, segment) for segment, file in self.segments.items() if segment.timeline in among)
        if not archived:
            return max(among)
        # The repository counts in whole seconds.
        after = [segment for at, segment in archived if moment is not None and at + timedelta(seconds=1) > moment]
        return after[0].timeline if after else archived[-1][1].timeline

    def reach(self, first: int, line: Line) -> Reach:
        number = first
        while line.segment(number) in self.segments:
            number += 1
        more = any(segment.number > number and line.segment(segment.number) == segment for segment in self.segments)
        return Reach(line.segment(number - 1) if number > first else None, line.segment(number).name if more or number == first else "")


def segments_in(listing: Mapping[str, Mapping[str, Any]], folder: str) -> dict[Segment, ArchivedFile]:
    """The segments in a folder, from what `repo-ls --recurse --output=json` tells of it."""
    found = {}
    for path, entry in listing.items():
        match = _SEGMENT_FILE.fullmatch(path.rpartition("/")[2])
        if match and entry["type"] == "file":
            found[Segment.named(match[1])] = ArchivedFile(f"{folder}/{path}", datetime.fromtimestamp(entry["time"], UTC))
    return found


def histories_in(listing: Mapping[str, Mapping[str, Any]], folder: str) -> dict[int, str]:
    """The paths of the timelines' history files."""
    return {int(match[1], 16): f"{folder}/{path}" for path in listing if (match := _HISTORY_FILE.fullmatch(path.rpartition("/")[2]))}


def line_of(timeline: int, history: str) -> Line:
    """Reads a history file, each line of which says: timeline, tab, where it was left, tab, why."""
    forks = []
    for text in history.splitlines():
        fields = text.split("\t")
        if len(fields) > 1 and not text.startswith("#"):
            forks.append((int(fields[0]), position(fields[1])))
    return Line(timeline, tuple(forks))
