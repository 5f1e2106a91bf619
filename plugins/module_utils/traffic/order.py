"""What somebody asks of the traffic."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.echobase.platform.plugins.module_utils.traffic.generation import Generation
from ansible_collections.echobase.platform.plugins.module_utils.traffic.weights import Weights


@dataclass(frozen=True)
class Order:
    """What is not mentioned stays as it is, so that a rollback under maintenance moves what traffic will return to."""

    weights: Weights | None = None
    maintenance: bool | None = None
    break_glass: str = ""
    fencing_number: int | None = None
    repair: bool = False

    def after(self, before: Generation, number: int) -> Generation:
        weights = before.weights if self.weights is None else self.weights
        # With nothing to return to, there is nothing to maintain; a first release would else go live behind a closed door.
        remains = before.maintenance and not weights.is_empty
        return before.followed_by(number, weights, remains if self.maintenance is None else self.maintenance)
