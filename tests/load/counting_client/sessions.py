"""Long-lived sessions: how many were opened, which of them broke, and what they missed."""

from __future__ import annotations

from dataclasses import dataclass, field

_EXAMPLES = 20


@dataclass(frozen=True, slots=True)
class Break:
    """A session ended which the client had not ended."""

    second: float
    connection: str
    detail: str
    # The last switch that had begun, and how long its commit was ago; 0 and None where there was none, or none committed.
    switch: int
    since_switch: float | None


@dataclass(slots=True)
class Sessions:
    opened: int = 0
    broken: int = 0
    # The first few.
    breaks: list[Break] = field(default_factory=list)
    events: int = 0
    missed_events: int = 0
    repeated_events: int = 0

    def add_break(self, one: Break) -> None:
        self.broken += 1
        if len(self.breaks) < _EXAMPLES:
            self.breaks.append(one)
