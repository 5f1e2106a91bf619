"""Playbooks that meet: who comes second is told, a rollback has the right of way, and what was cut off enters the ledger."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.colours.claim import ColourClaims
from ansible_collections.echobase.platform.plugins.module_utils.environment.ledger import Ledger
from ansible_collections.echobase.platform.plugins.module_utils.lease.release_lease import ReleaseLease
from ansible_collections.echobase.platform.plugins.module_utils.traffic.weights import Weights
from harness.colour_under_test import ColourUnderTest, running_colour
from harness.edges_under_test import EdgesUnderTest
from harness.module_runner import run_module
from harness.waiting import eventually

BLUE, GREEN = Weights.all_to("blue"), Weights.all_to("green")


@pytest.fixture(scope="module")
def colours_and_scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ColourUnderTest, EdgesUnderTest]]:
    scene = EdgesUnderTest(tmp_path_factory.mktemp("meeting"), ["north"], "127.83")
    with running_colour(scene.facts, "blue") as blue, running_colour(scene.facts, "green"):
        yield blue, scene


@pytest.fixture
def blue(colours_and_scene: tuple[ColourUnderTest, EdgesUnderTest]) -> Iterator[ColourUnderTest]:
    blue = colours_and_scene[0]
    yield blue
    blue.in_flight = 0


@pytest.fixture
def scene(colours_and_scene: tuple[ColourUnderTest, EdgesUnderTest]) -> EdgesUnderTest:
    scene = colours_and_scene[1]
    routes = scene.routes("north")
    routes.commit(routes.prepare(BLUE))
    Path(scene.env.path("ledger.jsonl")).unlink(missing_ok=True)
    return scene


@pytest.fixture
def under_way(scene: EdgesUnderTest, blue: ColourUnderTest) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """A switch to green that has moved traffic, waits for blue's last answers, and has recorded nothing yet."""
    started: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        blue.in_flight = 3
        process = scene.start("switch", "-e", "switch_to=green", "-e", "traffic_drain_seconds=60")
        started.append(process)
        eventually(lambda: scene.routes("north").current().weights == GREEN, "traffic has moved")
        return process

    yield start
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        if process.stdout and not process.stdout.closed:
            process.communicate()


def test_whoever_comes_second_is_told_and_changes_nothing(scene: EdgesUnderTest, under_way: Callable[[], subprocess.Popen[str]]) -> None:
    first = under_way()
    code, output = scene.run("maintenance", "-e", "maintenance=on")
    assert code != 0
    assert re.search(rf"switch by \S+ \(process {first.pid}\) since \d\d:\d\d:\d\d UTC has environment test", output), output
    assert "wait for its end with -e wait=60, or end that run; `ansible-playbook -i /" in output
    assert "playbooks/rollback.yml` need not wait" in output
    assert not scene.routes("north").current().maintenance
    code, output = scene.run("maintenance", "-e", "maintenance=on", "--check")
    assert (code != 0, "has environment test" in output) == (True, True)


@pytest.mark.long
def test_whoever_waits_gets_it(scene: EdgesUnderTest, blue: ColourUnderTest, under_way: Callable[[], subprocess.Popen[str]]) -> None:
    first = under_way()
    second = scene.start("maintenance", "-e", "maintenance=on", "-e", "wait=60")
    assert second.stdout
    # A step that takes long says that it is running.
    next(line for line in second.stdout if "running  Have the environment for this run alone" in line)
    blue.in_flight = 0
    words, _ = second.communicate()
    assert (first.wait(), second.returncode) == (0, 0), words
    assert scene.events == [("switched", "green"), ("closed", "")]


@pytest.mark.long
def test_a_killed_run_blocks_nobody_and_what_it_did_enters_the_ledger(
    scene: EdgesUnderTest, blue: ColourUnderTest, under_way: Callable[[], subprocess.Popen[str]]
) -> None:
    first = under_way()
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    blue.in_flight = 0
    assert scene.events == []
    code, output = scene.run("maintenance", "-e", "maintenance=on")
    assert code == 0, output
    assert "what was cut off before it could be recorded is in the ledger now: switched green" in output
    assert scene.events == [("switched", "green"), ("closed", "")]
    late = Ledger(Path(scene.env.path("ledger.jsonl"))).entries()[0]
    assert late["details"]["to"]["weights"] == GREEN.as_dict()
    assert late["details"]["recorded"].startswith("by the next run, since switch by ")


def test_a_rollback_stops_the_run_that_is_under_way(
    scene: EdgesUnderTest, blue: ColourUnderTest, under_way: Callable[[], subprocess.Popen[str]]
) -> None:
    first = under_way()
    code, output = scene.run("rollback", "-e", "rollback_colour=blue")
    assert code == 0, output
    assert f"this rollback has stopped switch by {os.environ.get('SUDO_USER', 'root')}@" in output
    blue.in_flight = 0
    words, _ = first.communicate()
    assert first.returncode != 0
    assert "this run has lost environment test: another run has taken over, and has ended since" in words
    assert "this step was not done and what was done before stands" in words
    assert scene.routes("north").current().weights == BLUE
    assert scene.events == [("switched", "green"), ("rolled_back", "blue")]
    assert not ReleaseLease(scene.env).read().is_held


@pytest.mark.parametrize("purpose", ["replaced", "removed"])
def test_a_colour_with_traffic_keeps_its_containers(scene: EdgesUnderTest, purpose: str) -> None:
    """Whatever a playbook believed when it looked: the question is asked again, in one step with the claim."""
    place = {"environment": "test", "home": str(scene.folder / "north"), "network_prefix": scene.network_prefix}
    refused = run_module("colour_claim", place | {"colour": "blue", "purpose": purpose})
    assert refused["failed"]
    assert refused["msg"].startswith("blue has 100 % of the traffic, so its containers stay as they are - ")
    assert run_module("colour_claim", place | {"colour": "green", "purpose": purpose})["changed"] is False
    assert ColourClaims(scene.env).all() == []
