"""How much traffic each colour gets: whole per cents that sum to 100, or nothing at all while no colour is live."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.environment.ports_and_subnets import COLOURS

BUCKETS = 100
_REMEDY = "give whole numbers that sum to 100, such as {'blue': 80, 'green': 20}"


@dataclass(frozen=True)
class Weights:
    blue: int
    green: int

    @classmethod
    def parse(cls, value: Any) -> Weights:
        if not isinstance(value, Mapping):
            raise Refusal(f"malformed weights {value!r}", _REMEDY)
        unknown = sorted(str(name) for name in value if name not in COLOURS)
        if unknown:
            raise Refusal(f"malformed weights: unknown colour '{unknown[0]}'", f"choose one of {', '.join(COLOURS)}")
        shares = {colour: _share(colour, value.get(colour, 0)) for colour in COLOURS}
        if sum(shares.values()) != BUCKETS:
            raise Refusal(f"malformed weights: {shares} sum to {sum(shares.values())}", _REMEDY)
        return cls(**shares)

    @classmethod
    def all_to(cls, colour: str) -> Weights:
        if colour not in COLOURS:
            raise Refusal(f"unknown colour '{colour}'", f"choose one of {', '.join(COLOURS)}")
        return cls(**{name: BUCKETS if name == colour else 0 for name in COLOURS})

    def of(self, colour: str) -> int:
        return self.as_dict()[colour]

    def buckets(self, colour: str) -> range:
        """Gives a colour's buckets. Green has the first ones, blue the rest, so that clients only move to a colour whose weight grows."""
        return range(self.green) if colour == "green" else range(BUCKETS - self.blue, BUCKETS)

    @property
    def live(self) -> list[str]:
        return [colour for colour, share in self.as_dict().items() if share]

    @property
    def idle(self) -> str:
        """The colour for the next candidate; empty while both have traffic."""
        return next((colour for colour in COLOURS if not self.of(colour)), "")

    @property
    def is_empty(self) -> bool:
        return not self.live

    def gaining(self, before: Weights) -> list[str]:
        """The colours that get more traffic than before."""
        return [colour for colour in COLOURS if self.of(colour) > before.of(colour)]

    def as_dict(self) -> dict[str, int]:
        return {"blue": self.blue, "green": self.green}


EMPTY = Weights(blue=0, green=0)


def _share(colour: str, value: Any) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise Refusal(f"malformed weights: {colour} is {value!r}", _REMEDY)
    if not 0 <= value <= BUCKETS:
        raise Refusal(f"malformed weights: {colour} is {value}", _REMEDY)
    return value
