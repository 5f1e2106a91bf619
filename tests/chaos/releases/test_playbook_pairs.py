"""The two accidents that a review caused with ordinary commands, and one of each kind beside them. `make bench` runs every pair."""

from __future__ import annotations

import pytest
from conftest import DeployedEnvironment

from harness.environment_under_test import INVENTORY, TEST
from harness.playbook_pairs import Arena, Pair

pytestmark = pytest.mark.chaos


@pytest.mark.parametrize(
    "pair",
    [
        # The colour that promote gave the traffic was being removed.
        Pair("cleanup", "promote", 0),
        # The colour that rollback gave the traffic was being replaced.
        Pair("deploy", "rollback", 2),
        pytest.param(Pair("promote", "promote", 0.5), marks=pytest.mark.long),
    ],
    ids=lambda pair: f"{pair.first}-{pair.second}",
)
def test_two_playbooks_at_once_end_well(both_colours: DeployedEnvironment, pair: Pair) -> None:
    outcome = Arena(TEST, str(INVENTORY)).fight(pair)
    assert outcome.wrong == [], [end.output for end in outcome.ends]
