"""Which colour may answer a request, given when traffic was switched."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Switch:
    number: int
    # Monotonic clock. Between `began` and `committed` both sides may answer.
    began: float
    before: dict[str, int]
    committed: float | None = None
    after: dict[str, int] = field(default_factory=dict)
    error: str = ""

    @property
    def open(self) -> bool:
        return self.committed is None


class Traffic:
    """The weights over time. A colour of weight 0 must not answer a request that began after the switch was committed."""

    def __init__(self, weights: dict[str, int]) -> None:
        self._first = dict(weights)
        self.switches: list[Switch] = []

    @property
    def weights(self) -> dict[str, int]:
        return self.switches[-1].after if self.switches else self._first

    def begin(self, now: float) -> Switch:
        switch = Switch(len(self.switches) + 1, now, self.weights)
        self.switches.append(switch)
        return switch

    @staticmethod
    def commit(switch: Switch, when: float, weights: dict[str, int]) -> None:
        switch.after, switch.committed = dict(weights), when

    @staticmethod
    def fail(switch: Switch, when: float, error: str) -> None:
        """Nobody knows who has traffic now: unknown weights allow every colour."""
        switch.after, switch.committed, switch.error = {}, when, error

    def latest(self, now: float) -> Switch | None:
        """The last one that had begun by then."""
        return next((switch for switch in reversed(self.switches) if switch.began <= now), None)

    def undecided(self, answered: float) -> bool:
        """A switch is still open which began before this answer came."""
        return bool(self.switches) and self.switches[-1].open and self.switches[-1].began <= answered

    def may_answer(self, colour: str, sent: float, answered: float) -> bool:
        """Every state of the weights that was in force at any time between the first byte sent and the answer counts."""
        for switch in reversed(self.switches):
            if switch.began > answered:
                continue
            if switch.committed is None or _allows(switch.after, colour):
                return True
            if switch.committed <= sent:
                return False
        return _allows(self._first, colour)


def _allows(weights: dict[str, int], colour: str) -> bool:
    return not weights or weights.get(colour, 0) > 0
