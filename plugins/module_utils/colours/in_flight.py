"""The requests that a colour is answering at one moment, as its gateway and its front end count them."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.colours.health import ColourHealth, Probe


@dataclass(frozen=True)
class InFlight:
    """Nothing where a service does not say, be it away or too old to count."""

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


def _gateway_count(probe: Probe) -> int | None:
    return _number(probe, "in_flight")


def _frontend_count(probe: Probe) -> int | None:
    """nginx counts connections; the one on which it was asked is among those that it writes to."""
    reading, writing = _number(probe, "reading"), _number(probe, "writing")
    return None if reading is None or writing is None else max(reading + writing - 1, 0)


def _number(probe: Probe, name: str) -> int | None:
    value = None if probe.problem else probe.body.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
