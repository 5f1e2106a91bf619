"""The ledger of releases: how often each event happened, the newest of them, and which release each colour has."""

from __future__ import annotations

import json
import os
from collections import Counter, deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from environment_exporter.moments import seconds
from orders.metrics_text import labels, metric

# An increase is an increase from something, so every event begins with 0. module_utils/environment/ledger.py has the same list.
EVENTS = (
    "deployed",
    "verified",
    "canary",
    "promoted",
    "rolled_back",
    "switched",
    "closed",
    "opened",
    "removed",
    "overridden",
    "migrated",
    "restored",
    "replica_promoted",
    "upgraded",
    "replayed",
    "discarded",
)
# A dashboard draws these as annotations; more would be a series for each release there ever was.
_SHOWN_EVENTS = 50


class Ledger:
    """Reads only what was added: the file is written anew each time, but what it held before stays its beginning."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self._forget()

    def read(self) -> Ledger:
        with self._path.open("rb") as stream:
            found = os.fstat(stream.fileno())
            seen = (found.st_ino, found.st_mtime_ns, found.st_size)
            if seen == self._seen:
                return self
            stream.seek(self._size - len(self._last_line))
            if found.st_size < self._size or stream.read(len(self._last_line)) != self._last_line:
                # Somebody began a new one.
                self._forget()
                stream.seek(0)
            try:
                for line in stream:
                    self._add(line)
            except BaseException:
                # A damaged one is read from its beginning until it is whole again.
                self._forget()
                raise
        self._seen = seen
        return self

    def lines(self) -> Iterator[str]:
        yield from metric(
            "echobase_release_events_total",
            "counter",
            "How often the ledger of releases has this event.",
            {labels(event=event): self._counts[event] for event in (*EVENTS, *self._counts)},
        )
        newest = {_of(entry): seconds(entry["at"]) for entry in self._newest}
        yield from metric(
            "echobase_release_event_timestamp_seconds", "gauge", f"When it happened last, of the newest {_SHOWN_EVENTS} events.", newest
        )
        traced = {(*_of(entry), ("trace_id", entry["details"]["trace_id"])): 1 for entry in self._newest if _is_traced(entry)}
        yield from metric("echobase_release_event_trace_info", "gauge", "The trace of the run in which it happened.", traced)
        yield from metric(
            "echobase_colour_info",
            "gauge",
            "The release that was deployed to the colour last and was not removed since.",
            {
                labels(colour=colour, release=release, version=release.rpartition("-")[0]): 1
                for colour, release in self._releases.items()
                if release
            },
        )

    def _forget(self) -> None:
        self._seen = None
        self._size = 0
        self._last_line = b""
        self._last_hash = ""
        self._counts: Counter[str] = Counter()
        self._newest: deque[dict[str, Any]] = deque(maxlen=_SHOWN_EVENTS)
        self._releases: dict[str, str] = {}

    def _add(self, line: bytes) -> None:
        entry = json.loads(line)
        event, colour, release = (str(entry[name]) for name in ("event", "colour", "release"))
        seconds(entry["at"])
        # The whole proof is the playbooks' business; a line that is missing shows here, too.
        if self._last_hash and entry["previous"] != self._last_hash:
            raise ValueError("a line does not fit the line before it")
        self._counts[event] += 1
        self._newest.append(entry)
        if event == "deployed":
            self._releases[colour] = release
        elif event == "removed":
            self._releases.pop(colour, None)
        self._size += len(line)
        self._last_line, self._last_hash = line, str(entry["hash"])


def _of(entry: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    return labels(event=str(entry["event"]), colour=str(entry["colour"]), release=str(entry["release"]))


def _is_traced(entry: dict[str, Any]) -> bool:
    details = entry.get("details")
    return isinstance(details, dict) and isinstance(details.get("trace_id"), str)
