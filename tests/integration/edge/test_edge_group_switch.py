"""Module edge_group_switch: each phase at two edges, twice, in check mode, and what it refuses. The playbooks: test_several_edges."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.traffic.weights import Weights
from harness.colour_under_test import ColourUnderTest, running_colour
from harness.edges_under_test import EdgesUnderTest
from harness.module_runner import run_module

NETWORK_PREFIX = "127.83"
NAMES = ("north", "south")
BLUE, GREEN = Weights.all_to("blue"), Weights.all_to("green")


class Scene(EdgesUnderTest):
    def take(self, edge: str, phase: str, check: bool = False, **options: Any) -> dict[str, Any]:
        place = {"environment": "test", "home": str(self.folder / edge), "network_prefix": NETWORK_PREFIX}
        return run_module("edge_group_switch", place | {"phase": phase, "endpoints": self.endpoints()} | options, check)

    def prepare_first(self, check: bool = False, **options: Any) -> dict[str, Any]:
        upcoming = self.take("north", "look")["upcoming"]
        return self.take("north", "prepare", check, number=upcoming, edges=list(NAMES), to="green", **options)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path, NAMES, NETWORK_PREFIX)


@pytest.fixture(autouse=True)
def colours(scene: Scene) -> Iterator[dict[str, ColourUnderTest]]:
    with running_colour(scene.facts, "blue") as blue, running_colour(scene.facts, "green") as green:
        yield {"blue": blue, "green": green}


def test_each_phase_twice_with_check_and_diff(scene: Scene) -> None:
    first = scene.prepare_first(check=True)
    assert (first["changed"], first["diff"]["after"].splitlines()[1], scene.undecided) == (True, "green: 100%", [])
    proposal = scene.prepare_first()["proposal"]
    assert proposal == first["proposal"]
    assert scene.take("south", "prepare", check=True, proposal=proposal)["changed"]
    assert scene.undecided == ["north"]
    assert scene.take("south", "prepare", proposal=proposal)["changed"]
    assert scene.take("south", "look")["undecided"] == proposal
    assert (scene.undecided, scene.weights) == (["north", "south"], [BLUE] * 2)

    assert scene.take("north", "decide", check=True, proposal=proposal)["changed"]
    assert scene.take("north", "look")["decision"] == {}
    assert [scene.take("north", "decide", proposal=proposal)["changed"] for _ in range(2)] == [True, False]
    assert scene.take("north", "look")["decision"] == proposal
    refused = scene.take("north", "abort", proposal=proposal)
    assert refused["msg"].startswith(f"generation {proposal['generation']} is decided and holds for all edges")

    for edge in NAMES:
        assert scene.take(edge, "commit", check=True, proposal=proposal)["changed"]
    assert scene.weights == [BLUE] * 2
    for edge in NAMES:
        committed = scene.take(edge, "commit", proposal=proposal)
        assert (committed["changed"], committed["live"], committed["drained"]["blue"]["in_flight"]) == (True, ["green"], 0)
        assert not scene.take(edge, "commit", proposal=proposal)["changed"]
    assert (scene.weights, scene.undecided) == ([GREEN] * 2, [])
    assert not scene.prepare_first()["changed"]


def test_what_was_agreed_on_can_be_forgotten_until_it_is_decided(scene: Scene) -> None:
    proposal = scene.prepare_first()["proposal"]
    alone = {"environment": "test", "home": str(scene.folder / "north"), "network_prefix": NETWORK_PREFIX, "to": "blue"}
    assert run_module("bluegreen_switch", alone)["msg"].startswith("this edge waits for the decision of north, south about generation")
    assert scene.take("north", "abort", check=True, proposal=proposal)["changed"]
    assert scene.undecided == ["north"]
    assert [scene.take("north", "abort", proposal=proposal)["changed"] for _ in range(2)] == [True, False]
    assert (scene.undecided, scene.weights) == ([], [BLUE] * 2)
    assert not run_module("bluegreen_switch", alone)["changed"]


@pytest.mark.parametrize(
    ("phase", "options", "refusal"),
    [
        ("prepare", {"to": "green"}, "phase is prepare but any of the following are missing: number, proposal"),
        ("commit", {}, "phase is commit but all of the following are missing: proposal"),
        (
            "commit",
            {"proposal": {"generation": 3}},
            "malformed proposal {'generation': 3} - hand on what phase prepare returned",
        ),
        ("look", {"to": "green", "empty": True}, "parameters are mutually exclusive: to|weights|empty"),
        ("all", {}, "value of phase must be one of: look, prepare, decide, commit, abort, got: all"),
    ],
)
def test_what_cannot_be_meant_is_refused(scene: Scene, phase: str, options: dict[str, Any], refusal: str) -> None:
    answer = scene.take("north", phase, **options)
    assert answer["failed"]
    assert refusal in answer["msg"]


def test_an_edge_that_is_asked_for_too_much_keeps_its_traffic(scene: Scene, colours: dict[str, ColourUnderTest]) -> None:
    colours["green"].statuses["/ready"] = 503
    assert scene.prepare_first()["msg"].startswith("green cannot take traffic: ")
    colours["green"].statuses.clear()
    proposal = scene.prepare_first()["proposal"]
    unheard_of = proposal | {"generation": proposal["generation"] + 1}
    refused = scene.take("north", "decide", proposal=unheard_of)
    assert refused["msg"].startswith(f"generation {unheard_of['generation']} is not what this edge agreed to last")
    assert scene.weights == [BLUE] * 2
