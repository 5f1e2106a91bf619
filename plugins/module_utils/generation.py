"""One state of the traffic: a number that only grows, and the weights that hold under it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.weights import Weights


@dataclass(frozen=True)
class Generation:
    number: int
    weights: Weights

    def as_dict(self) -> dict[str, Any]:
        return {"generation": self.number, "weights": self.weights.as_dict()}
