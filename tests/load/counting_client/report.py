"""What a run proved."""

from __future__ import annotations

import json
import time
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from counting_client.counts import Counts
from counting_client.id_book import IdBook
from counting_client.latency import Latency, Window, merged
from counting_client.report_table import table
from counting_client.sessions import Sessions
from counting_client.tally import SLICE, Incident, Tally
from counting_client.traffic import Switch

# Seconds before a switch began and after its commit which count as "around" it.
AROUND = 0.25
# So many points of time are in a report at most.
_LONGEST_TIMELINE = 240
_OF_COUNTS = ("lost", "server_errors", "other_statuses", "not_served", "unaccounted")


class RequestsLost(AssertionError):
    """The run was not clean; the message is the whole table."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What ended from `start` on, for as long as the report's `step`."""

    start: float
    by_colour: dict[str, int]
    bad: int
    p50_ms: float
    p99_ms: float
    slowest_ms: float


@dataclass(frozen=True, slots=True)
class SwitchMark:
    number: int
    began: float
    committed: float
    before: dict[str, int]
    after: dict[str, int]
    error: str

    @classmethod
    def of(cls, switch: Switch, start: float) -> SwitchMark:
        committed = switch.began if switch.committed is None else switch.committed
        return cls(switch.number, switch.began - start, committed - start, switch.before, switch.after, switch.error)


@dataclass(slots=True)
class Report(Counts):
    """The numbers of all requests together, and everything else that is known of the run."""

    run: str
    seconds: float
    kinds: dict[str, Counts]
    # By the kind of request that opens them.
    sessions: dict[str, Sessions]
    longest_gap: float
    # The client itself: how late its event loop ran, and the share of a core it used.
    longest_lag: float
    cpu_share: float
    # Answered requests that followed a pause of 0-5 s, 5-10 s, ... on the same, unbroken connection.
    pauses: dict[int, int]
    switches: list[SwitchMark]
    # Seconds before and after a switch that count as around it.
    around: float
    # Seconds from one moment of the timeline to the next.
    step: float
    timeline: list[Moment]
    incidents: list[Incident]
    ids: IdBook = field(repr=False)
    # Answered, but no upstream saw it. Known only after `compare_with_upstreams`.
    unseen: int = 0

    @classmethod
    def of_run(cls, tally: Tally, longest_lag: float, cpu_seconds: float, around: float = AROUND) -> Report:
        lasted = time.monotonic() - tally.began
        windows = merged((switch.began - around, (switch.committed or switch.began) + around) for switch in tally.traffic.switches)
        total = Counts.of(list(tally.accounts.values()), windows)
        step = _step(lasted)
        return cls(
            **{part.name: getattr(total, part.name) for part in fields(total)},
            run=tally.run,
            seconds=lasted,
            kinds={kind: Counts.of([account], windows) for kind, account in tally.accounts.items()},
            sessions=dict(tally.sessions),
            longest_gap=tally.longest_gap,
            longest_lag=longest_lag,
            cpu_share=cpu_seconds / lasted,
            pauses=dict(sorted(tally.pauses.items())),
            switches=[SwitchMark.of(switch, tally.began) for switch in tally.traffic.switches],
            around=around,
            step=step,
            timeline=list(_timeline(tally, step)),
            incidents=list(tally.incidents),
            ids=tally.ids,
        )

    @property
    def p50(self) -> float:
        return self.latency.p50

    @property
    def p99(self) -> float:
        return self.latency.p99

    @property
    def slowest(self) -> float:
        return self.latency.slowest

    @property
    def rate(self) -> float:
        return self.answered / self.seconds

    @property
    def own_limit(self) -> float:
        """Requests a second this client could make of one whole core; near it, latencies are the client's own."""
        return self.rate / self.cpu_share if self.cpu_share else 0.0

    @property
    def failed_switches(self) -> int:
        return sum(1 for switch in self.switches if switch.error)

    @property
    def broken_sessions(self) -> int:
        return sum(sessions.broken for sessions in self.sessions.values())

    @property
    def answered_ids(self) -> Iterable[str]:
        return self.ids.answered()

    @property
    def faults(self) -> dict[str, int]:
        """All that must be zero."""
        return {
            "lost": self.lost,
            "5xx": self.server_errors,
            "other bad statuses": self.other_statuses,
            "connect failures": self.connect_failures,
            "wrong colour": self.wrong_colour,
            "duplicates": self.duplicates,
            "answered but never seen by an upstream": self.unseen,
            "unaccounted": self.unaccounted,
            "broken sessions": self.broken_sessions,
            "missed events": sum(sessions.missed_events for sessions in self.sessions.values()),
            "repeated events": sum(sessions.repeated_events for sessions in self.sessions.values()),
            "failed switches": self.failed_switches,
        }

    def compare_with_upstreams(self, seen: Iterable[str]) -> None:
        """Add what the upstreams themselves saw: an id seen twice is a duplicate, an answered id nobody saw is a lie."""
        again, self.unseen = self.ids.compare(seen)
        self.duplicates += again

    def assert_nothing_lost(self) -> None:
        if any(self.faults.values()) or not self.answered:
            raise RequestsLost(f"the run was not clean\n{self.table()}")

    def table(self) -> str:
        return table(self)

    def as_dict(self) -> dict[str, Any]:
        data = asdict(self)
        del data["ids"]
        for kind, counts in self.kinds.items():
            data["kinds"][kind] |= _derived(counts, *_OF_COUNTS)
        return data | _derived(self, *_OF_COUNTS, "rate", "own_limit", "failed_switches", "broken_sessions", "faults")

    def write_json(self, path: Path) -> None:
        path.write_text(json.dumps(self.as_dict(), indent=2) + "\n")


def _derived(counts: Counts, *names: str) -> dict[str, Any]:
    return {name: getattr(counts, name) for name in names}


def _step(seconds: float) -> float:
    step = SLICE
    while seconds / step > _LONGEST_TIMELINE:
        step *= 2
    return step


def _timeline(tally: Tally, step: float) -> Iterable[Moment]:
    slices_a_step = round(step / SLICE)
    for number in range(max(tally.slices, default=-1) // slices_a_step + 1):
        parts = [tally.slices[one] for one in range(number * slices_a_step, (number + 1) * slices_a_step) if one in tally.slices]
        by_colour: Counter[str] = Counter()
        for part in parts:
            by_colour += part.by_colour
        start = number * step
        latency = Latency.of(_between(tally, (tally.began + start, tally.began + start + step)))
        bad = sum(part.bad for part in parts)
        yield Moment(start, dict(by_colour), bad, *(round(value * 1e3, 3) for value in (latency.p50, latency.p99, latency.slowest)))


def _between(tally: Tally, window: Window) -> Sequence[float]:
    found = array("f")
    for account in tally.accounts.values():
        found += account.latencies.between(*window)
    return found
