"""What it takes to have the wanted edge serve, from whatever is there: nothing, an older one, what a killed run left behind."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Step(enum.Enum):
    HOLD = "hold the listening sockets"
    START = "start the edge"
    SERVE_NEXT = "let a second nginx serve beside the edge"
    REPLACE = "replace the edge when its connections have ended"
    DISMISS_NEXT = "take the second nginx away when its connections have ended"


@dataclass(frozen=True)
class Observed:
    sockets_held: bool
    edge_runs: bool
    # The container that there is was made from what is wanted, and has not been told to leave.
    edge_is_wanted: bool
    next_exists: bool


def plan(observed: Observed) -> tuple[Step, ...]:
    steps = [] if observed.sockets_held else [Step.HOLD]
    if not observed.edge_runs:
        steps.append(Step.START)
    elif not observed.edge_is_wanted:
        steps += [Step.SERVE_NEXT, Step.REPLACE]
    if observed.next_exists or Step.SERVE_NEXT in steps:
        steps.append(Step.DISMISS_NEXT)
    return tuple(steps)
