"""The requests that a colour is answering at one moment, and the wait until there are none.

A service that counts its requests is asked. Of another one the edge's connections to it are counted: they say less, since a connection
may be idle, so that they are awaited and never complained of.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.base.waiting import looks
from ansible_collections.echobase.platform.plugins.module_utils.colours.health import ColourHealth, Probe
from ansible_collections.echobase.platform.plugins.module_utils.host.tcp_sockets import connections_to

_SECONDS_BETWEEN_LOOKS = 0.1
# What the edge had already sent on its way may arrive after a first silence.
_LOOKS_IN_A_ROW = 2


@dataclass(frozen=True)
class InFlight:
    """What each service is answering, by name. A count is None where the service is away, or tells no number."""

    counts: Mapping[str, int | None] = field(default_factory=dict)
    # The edge's connections to the services that do not count; None where nobody sees them.
    connections: Mapping[str, int | None] = field(default_factory=dict)
    problem: str = ""

    @classmethod
    def asked(cls, colour: ColourHealth) -> InFlight:
        try:
            probes = colour.in_flight()
        except Refusal as refusal:
            return cls(problem=refusal.cause)
        silent = [endpoint for endpoint in colour.endpoints if not endpoint.in_flight]
        return cls.of(probes, {endpoint.service: connections_to(endpoint.host, endpoint.port) for endpoint in silent})

    @classmethod
    def of(cls, probes: Mapping[str, Probe], connections: Mapping[str, int | None] | None = None) -> InFlight:
        counts = {service: _count(probe) for service, probe in probes.items()}
        silent = [probes[service] for service, count in counts.items() if count is None]
        return cls(counts, connections or {}, "; ".join(f"{probe.url} {probe.problem or 'tells no number'}" for probe in silent))

    @property
    def total(self) -> int | None:
        """The requests that are counted; None where one that should count does not, or none does."""
        counts = [count for count in self.counts.values() if count is not None]
        return sum(counts) if counts and len(counts) == len(self.counts) else None

    @property
    def is_silent(self) -> bool:
        return not self.problem and not any(count != 0 for count in (*self.counts.values(), *self.connections.values()))

    @property
    def known_by(self) -> dict[str, str]:
        """How it is known of each service that it has answered everything."""
        seen = {service: "time" if count is None else "connections" for service, count in self.connections.items()}
        return dict.fromkeys(self.counts, "count") | seen


@dataclass(frozen=True)
class Drained:
    """How a drain ended. `in_flight` is what was left at the end; it is None where nobody could tell."""

    in_flight: int | None
    seconds: float
    problem: str = ""
    # By service, how it was known that there was nothing left: its own count, the edge's connections to it, or only the time that passed.
    by: Mapping[str, str] = field(default_factory=dict)


class Drain:
    """Waits until a colour that lost its traffic has answered everything it was asked."""

    def __init__(self, count: Callable[[str], InFlight], ceiling: float) -> None:
        self._count = count
        self._ceiling = ceiling

    def await_silence(self, colours: Iterable[str]) -> dict[str, dict[str, Any]]:
        names = list(colours)
        if not names or self._ceiling <= 0:
            return {}
        with ThreadPoolExecutor(len(names)) as pool:
            return {name: asdict(drained) for name, drained in zip(names, pool.map(self._await_silence_of, names), strict=True)}

    def _await_silence_of(self, colour: str) -> Drained:
        started = time.monotonic()
        silent = 0
        for _look in looks(self._ceiling, interval=_SECONDS_BETWEEN_LOOKS):
            found = self._count(colour)
            silent = silent + 1 if found.is_silent else 0
            if silent == _LOOKS_IN_A_ROW or found.problem:
                break
        return Drained(found.total, round(time.monotonic() - started, 1), found.problem, found.known_by)


def _count(probe: Probe) -> int | None:
    """A program counts its requests; nginx its connections, among which is the one on which it was asked."""
    if probe.problem:
        return None
    if "in_flight" in probe.body:
        return _number(probe, "in_flight")
    reading, writing = _number(probe, "reading"), _number(probe, "writing")
    return None if reading is None or writing is None else max(reading + writing - 1, 0)


def _number(probe: Probe, name: str) -> int | None:
    value = probe.body.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
