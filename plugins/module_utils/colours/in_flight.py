"""The requests that a colour is answering at one moment, as its gateway and front end count them, and the wait until there are none."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.base.waiting import looks
from ansible_collections.echobase.platform.plugins.module_utils.colours.health import ColourHealth, Probe

_SECONDS_BETWEEN_LOOKS = 0.1
# What the edge had already sent on its way may arrive after a first silence.
_LOOKS_IN_A_ROW = 2


@dataclass(frozen=True)
class InFlight:
    """How many requests each service is answering. A count is None where the service is away, or too old to count."""

    gateway: int | None = None
    frontend: int | None = None
    problem: str = ""

    @classmethod
    def asked(cls, colour: ColourHealth) -> InFlight:
        try:
            return cls.of(*colour.in_flight())
        except Refusal as refusal:
            return cls(problem=refusal.cause)

    @classmethod
    def of(cls, gateway: Probe, frontend: Probe) -> InFlight:
        counts = (_gateway_count(gateway), _frontend_count(frontend))
        silent = [probe for probe, count in zip((gateway, frontend), counts, strict=True) if count is None]
        return cls(*counts, "; ".join(f"{probe.url} {probe.problem or 'tells no number'}" for probe in silent))

    @property
    def total(self) -> int | None:
        return None if self.gateway is None or self.frontend is None else self.gateway + self.frontend


@dataclass(frozen=True)
class Drained:
    """How a drain ended. `in_flight` is what was left at the end; it is None where nobody could tell."""

    in_flight: int | None
    seconds: float
    problem: str = ""


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
            silent = silent + 1 if found.total == 0 else 0
            if silent == _LOOKS_IN_A_ROW or found.problem:
                break
        return Drained(found.total, round(time.monotonic() - started, 1), found.problem)


def _gateway_count(probe: Probe) -> int | None:
    return _number(probe, "in_flight")


def _frontend_count(probe: Probe) -> int | None:
    """nginx counts connections; the one on which it was asked is among those that it writes to."""
    reading, writing = _number(probe, "reading"), _number(probe, "writing")
    return None if reading is None or writing is None else max(reading + writing - 1, 0)


def _number(probe: Probe, name: str) -> int | None:
    value = None if probe.problem else probe.body.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
