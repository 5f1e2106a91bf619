"""Playbooks switch, canary, maintenance and rollback: where traffic goes, what the ledger says, and one line for each misuse."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.traffic.weights import EMPTY, Weights
from harness.colour_under_test import running_colour
from harness.edges_under_test import EdgesUnderTest

BLUE, GREEN = Weights.all_to("blue"), Weights.all_to("green")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EdgesUnderTest]:
    scene = EdgesUnderTest(tmp_path_factory.mktemp("traffic"), ["north"], "127.82")
    with running_colour(scene.facts, "blue"), running_colour(scene.facts, "green"):
        yield scene


@pytest.fixture(autouse=True)
def blue_is_live(scene: EdgesUnderTest) -> None:
    routes = scene.routes("north")
    routes.commit(routes.prepare(BLUE))
    Path(scene.env.path("ledger.jsonl")).unlink(missing_ok=True)


def run(scene: EdgesUnderTest, playbook: str, **variables: object) -> str:
    code, output = scene.run(playbook, "-e", json.dumps(variables))
    assert code == 0, output
    return output


def test_a_canary_grows_and_goes_back(scene: EdgesUnderTest) -> None:
    # As typed on a command line: everything is text.
    code, output = scene.run("switch", "-e", 'switch_weights=\'{"blue":80,"green":20}\'')
    assert code == 0, output
    run(scene, "canary", canary_percent="50")
    current = scene.routes("north").current()
    assert (current.weights, current.candidate) == (Weights(50, 50), "green")
    assert "changed=0" in run(scene, "canary", canary_percent=50)
    run(scene, "rollback")
    assert scene.routes("north").current().weights == BLUE
    assert scene.events == [("canary", "green"), ("canary", "green"), ("rolled_back", "blue")]
    assert "changed=0" in run(scene, "rollback")


@pytest.mark.long
def test_a_rollback_behind_the_maintenance_page(scene: EdgesUnderTest) -> None:
    run(scene, "switch", switch_weights={"blue": 80, "green": 20})
    output = run(scene, "maintenance", maintenance="on")
    assert "Customers see the maintenance page." in output
    output = run(scene, "rollback")
    assert "Customers see the maintenance page." in output
    assert "changed=0" in run(scene, "maintenance", maintenance="on")
    run(scene, "maintenance", maintenance="off")
    current = scene.routes("north").current()
    assert (current.weights, current.maintenance) == (BLUE, False)
    assert [event for event, _ in scene.events] == ["canary", "closed", "rolled_back", "opened"]


@pytest.mark.long
def test_by_hand(scene: EdgesUnderTest) -> None:
    run(scene, "switch", switch_to="green")
    run(scene, "switch", switch_empty="true")
    assert scene.routes("north").current().weights == EMPTY
    assert scene.events == [("switched", "green"), ("switched", "")]


@pytest.mark.parametrize(
    ("playbook", "variables", "message"),
    [
        ("switch", {}, "say where traffic should go - one of switch_to=green, "),
        ("switch", {"switch_to": "green", "switch_empty": "true"}, "say where traffic should go - one of switch_to=green, "),
        ("switch", {"switch_to": "purple"}, "unknown colour 'purple' - choose one of blue, green"),
        ("switch", {"switch_weights": {"blue": 80, "green": 30}}, "malformed weights: {'blue': 80, 'green': 30} sum to 110 - "),
        ("canary", {}, "there is no candidate to try - run `ansible-playbook -i /"),
        ("canary", {"canary_percent": "100"}, "canary_percent is '100' - give a whole number from 1 to 99; "),
        ("canary", {"canary_percent": "lots"}, "canary_percent is 'lots' - give a whole number from 1 to 99; "),
        ("canary", {"canary_colour": "blue"}, "playbooks/deploy.yml` for a new candidate"),
        ("canary", {"canary_colour": "purple"}, "unknown colour 'purple' - choose blue or green"),
        ("maintenance", {}, "maintenance is '' - say maintenance=on or maintenance=off"),
        ("maintenance", {"maintenance": "maybe"}, "maintenance is 'maybe' - say maintenance=on or maintenance=off"),
        ("rollback", {}, "there is no earlier release to go back to"),
        ("promote", {}, "playbooks/deploy.yml` first"),
    ],
)
@pytest.mark.long
def test_misuse_is_one_line_and_moves_nothing(scene: EdgesUnderTest, playbook: str, variables: dict[str, object], message: str) -> None:
    code, output = scene.run(playbook, "-e", json.dumps(variables))
    assert code != 0
    assert message in output
    assert scene.routes("north").current().weights == BLUE
    assert scene.events == []
