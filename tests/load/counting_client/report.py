"""What a run proved."""

from __future__ import annotations

import json
import time
from array import array
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from counting_client.tally import Incident, Tally
from counting_client.traffic import Switch


class RequestsLost(AssertionError):
    """The run was not clean; the message is the whole table."""


@dataclass(frozen=True, slots=True)
class SecondOfRun:
    second: int
    by_colour: dict[str, int]
    bad: int
    p50_ms: float
    p99_ms: float


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
class Report:
    run: str
    seconds: float
    sent: int
    answered: int
    lost_by_reason: dict[str, int]
    by_status: dict[int, int]
    by_colour: dict[str, int]
    wrong_colour: int
    duplicates: int
    connect_failures: int
    reopened: int
    p50: float
    p99: float
    slowest: float
    longest_gap: float
    # The client itself: how late its event loop ran, and the share of a core it used.
    longest_lag: float
    cpu_share: float
    # Answered requests that followed a pause of 0-5 s, 5-10 s, ... on the same, unbroken connection.
    pauses: dict[int, int]
    switches: list[SwitchMark]
    timeline: list[SecondOfRun]
    incidents: list[Incident]
    # Answered, but no upstream saw it. Known only after `compare_with_upstreams`.
    unseen: int = 0
    answered_ids: set[str] = field(default_factory=set, repr=False)

    @classmethod
    def of(cls, tally: Tally, longest_lag: float, cpu_seconds: float) -> Report:
        lasted = time.monotonic() - tally.began
        latencies = sorted(latency for second in tally.seconds.values() for latency in second.latencies)
        return cls(
            run=tally.run,
            seconds=lasted,
            sent=tally.sent,
            answered=tally.answered,
            lost_by_reason=dict(tally.lost),
            by_status=dict(sorted(tally.by_status.items())),
            by_colour=dict(sorted(tally.by_colour.items())),
            wrong_colour=tally.wrong_colour,
            duplicates=tally.duplicates,
            connect_failures=tally.connect_failures,
            reopened=tally.reopened,
            p50=_quantile(latencies, 0.50),
            p99=_quantile(latencies, 0.99),
            slowest=_quantile(latencies, 1.0),
            longest_gap=tally.longest_gap,
            longest_lag=longest_lag,
            cpu_share=cpu_seconds / lasted,
            pauses=dict(sorted(tally.pauses.items())),
            switches=[SwitchMark.of(switch, tally.began) for switch in tally.traffic.switches],
            timeline=[
                SecondOfRun(number, dict(second.by_colour), second.bad, *_milliseconds(second.latencies))
                for number, second in sorted(tally.seconds.items())
            ],
            incidents=list(tally.incidents),
            answered_ids=tally.answered_ids(),
        )

    @property
    def lost(self) -> int:
        """Handed to a connection, and no whole answer came back on it."""
        return sum(self.lost_by_reason.values())

    @property
    def server_errors(self) -> int:
        return sum(count for status, count in self.by_status.items() if status >= 500)

    @property
    def other_statuses(self) -> int:
        """Answered, but neither 2xx nor 5xx."""
        return sum(count for status, count in self.by_status.items() if not 200 <= status < 300 and status < 500)

    @property
    def not_served(self) -> int:
        """Everything a user without retries would have noticed."""
        return self.lost + self.server_errors + self.connect_failures

    @property
    def unaccounted(self) -> int:
        return self.sent - self.answered - self.lost

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
            "failed switches": self.failed_switches,
        }

    def compare_with_upstreams(self, seen: Iterable[str]) -> None:
        """Add what the upstreams themselves saw: an id seen twice is a duplicate, an answered id nobody saw is a lie."""
        mine = Counter(request_id for request_id in seen if request_id.startswith(f"{self.run}-"))
        self.duplicates += sum(count - 1 for count in mine.values())
        self.unseen = len(self.answered_ids.difference(mine))

    def assert_nothing_lost(self) -> None:
        if any(self.faults.values()) or not self.answered:
            raise RequestsLost(f"the run was not clean\n{self.table()}")

    def table(self) -> str:
        colours = ", ".join(f"{colour or 'none'} {count:,}" for colour, count in self.by_colour.items())
        rows = [
            ("sent", f"{self.sent:,}"),
            ("answered", f"{self.answered:,} ({colours})"),
            *((name, f"{count:,}") for name, count in self.faults.items()),
            ("lost, by reason", ", ".join(f"{reason} {count:,}" for reason, count in self.lost_by_reason.items()) or "-"),
            ("statuses", ", ".join(f"{status}: {count:,}" for status, count in self.by_status.items()) or "-"),
            ("reopened (closed while unused)", f"{self.reopened:,}"),
            ("switches", f"{len(self.switches)}"),
            ("rate", f"{self.rate:,.0f}/s over {self.seconds:.1f} s"),
            ("latency", f"p50 {self.p50 * 1e3:.1f} ms, p99 {self.p99 * 1e3:.1f} ms, slowest {self.slowest * 1e3:.0f} ms"),
            ("longest time without an answer", f"{self.longest_gap * 1e3:.0f} ms"),
            ("pauses survived", ", ".join(f"{start}-{start + 5} s: {count}" for start, count in self.pauses.items()) or "-"),
            ("the client itself", f"{self.cpu_share:.0%} of a core, limit {self.own_limit:,.0f}/s, lag {self.longest_lag * 1e3:.0f} ms"),
        ]
        width = max(len(name) for name, _ in rows)
        lines = [f"  {name:<{width}}  {value}" for name, value in rows]
        lines += [
            f"  {incident.second:8.3f} s  {incident.kind}  {incident.id}  {incident.detail}  [{incident.connection}]"
            for incident in self.incidents
        ]
        lines += [f"  switch {switch.number} failed: {switch.error}" for switch in self.switches if switch.error]
        return "\n".join(lines)

    def as_data(self) -> dict[str, Any]:
        data = asdict(self)
        del data["answered_ids"]
        derived = ("lost", "server_errors", "other_statuses", "not_served", "unaccounted", "rate", "own_limit", "faults")
        return data | {name: getattr(self, name) for name in derived}

    def write_json(self, path: Path) -> None:
        path.write_text(json.dumps(self.as_data(), indent=2) + "\n")


def _quantile(ordered: list[float], share: float) -> float:
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else 0.0


def _milliseconds(latencies: array[float]) -> tuple[float, float]:
    ordered = sorted(latencies)
    return round(_quantile(ordered, 0.50) * 1e3, 3), round(_quantile(ordered, 0.99) * 1e3, 3)
