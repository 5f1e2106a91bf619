"""Every playbook that changes a release against every other, one started shortly after the other, while customers ask."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict

from bench.place import Place
from bench.results import Result
from harness.environment_under_test import INVENTORY, TEST, run_playbook
from harness.playbook_pairs import LONGEST_DELAY, PLAYBOOKS, Arena, Outcome, all_pairs

SEED = 10


def run(place: Place) -> Result:
    """It wants nothing of the place: it uses environment test, and removes it."""
    del place
    run_playbook("setup")
    try:
        return measured(Arena(TEST, str(INVENTORY)))
    finally:
        run_playbook("teardown")


def measured(arena: Arena) -> Result:
    outcomes = []
    for number, pair in enumerate(all_pairs(SEED), start=1):
        outcome = arena.fight(pair)
        outcomes.append(outcome)
        verdict = "; ".join(outcome.wrong) or "as it should be"
        print(f"  · {number}: {pair.first}, {pair.delay} s later {pair.second}: {verdict}", flush=True)
    broken = [f"{one.pair.first} and {one.pair.second}: {problem}" for one in outcomes for problem in one.wrong]
    return Result("playbook_pairs", _figures(outcomes), broken)


def _figures(outcomes: Iterable[Outcome]) -> dict[str, object]:
    rows = [
        {
            **asdict(one.pair),
            "ends": [end.told or "done" for end in one.ends],
            "weights": one.weights,
            "events": one.events,
            "answered": one.answered,
            "closed": one.closed,
            "lost": one.lost,
        }
        for one in outcomes
    ]
    return {"playbooks": list(PLAYBOOKS), "longest_delay": LONGEST_DELAY, "seed": SEED, "pairs": rows}
