"""What all edges together know: what was decided, who missed it, and which number comes next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def compare(views: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """`views` holds by edge what phase look of bluegreen_switch returned."""
    decisions: list[dict[str, Any]] = [view["decision"] for view in views.values() if view["decision"]]
    decision = max(decisions, key=_number, default={})
    decided = _number(decision)
    return {
        "decision": decision,
        "behind": [edge for edge, view in views.items() if _is_behind(view, decided)],
        "undecided": {edge: view["undecided"] for edge, view in views.items() if _number(view["undecided"]) > decided},
        # Once those behind have caught up.
        "differ": len({_caught_up(view, decided) for view in views.values()}) > 1,
        "number": max(decided + 1, *(view["upcoming"] for view in views.values())),
    }


def _is_behind(view: Mapping[str, Any], decided: int) -> bool:
    # A broken table, looked at for its repair, has number 0: it gets the next generation, not the last.
    return 0 < _number(view["current"]) < decided or 0 < _number(view["undecided"]) <= decided


def _caught_up(view: Mapping[str, Any], decided: int) -> int:
    return max(_number(view["current"]), decided) if _number(view["current"]) else 0


def _number(state: Mapping[str, Any]) -> int:
    return int(state.get("generation", 0))
