"""One state of the traffic: a number that only grows, and what holds under it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.environment.ports_and_subnets import COLOURS
from ansible_collections.echobase.platform.plugins.module_utils.traffic.weights import EMPTY, Weights


@dataclass(frozen=True)
class Generation:
    """While both colours have traffic, one of them is the `candidate`: the other one answers for it where it fails.

    Under `maintenance` nobody is served; the weights are what traffic returns to.
    """

    number: int
    weights: Weights
    candidate: str = ""
    maintenance: bool = False

    @property
    def served(self) -> Weights:
        """The weights that visitors get now."""
        return EMPTY if self.maintenance else self.weights

    @property
    def stable(self) -> str:
        """The colour that others are measured by; empty while there is none."""
        if self.candidate:
            return _other(self.candidate)
        return self.weights.live[0] if len(self.weights.live) == 1 else ""

    def followed_by(self, number: int, weights: Weights, maintenance: bool = False) -> Generation:
        """Gives the next generation. The stable colour stays so, however much the candidate gets; without one, the larger share is."""
        candidate = ""
        if len(weights.live) == 2:
            candidate = _other(self.stable or ("green" if weights.green > weights.blue else "blue"))
        return Generation(number, weights, candidate, maintenance)

    def losing(self, after: Generation) -> list[str]:
        """The colours whose visitors all leave."""
        return [colour for colour in self.served.live if colour not in after.served.live]

    def says_the_same_as(self, other: Generation) -> bool:
        """Whether two generations differ in nothing but the number."""
        return (self.weights, self.candidate, self.maintenance) == (other.weights, other.candidate, other.maintenance)

    def as_dict(self) -> dict[str, Any]:
        return {
            "generation": self.number,
            "weights": self.weights.as_dict(),
            "candidate": self.candidate,
            "maintenance": self.maintenance,
        }


# This stands for the generation before anything was committed, or while nobody can tell what was.
NOTHING = Generation(0, EMPTY)


def _other(colour: str) -> str:
    return next(name for name in COLOURS if name != colour)
