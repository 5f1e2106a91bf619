"""Three edges that switch as one, by the playbooks: one of them ill, one of them away, the run killed in between."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.traffic.weights import Weights
from harness.colour_under_test import ColourUnderTest, running_colour
from harness.edges_under_test import EdgesUnderTest
from harness.killed_runs import kill_with_descendants
from harness.module_runner import run_module
from harness.waiting import eventually

NETWORK_PREFIX = "127.81"
NAMES = ("north", "south", "west")
BLUE, GREEN = Weights.all_to("blue"), Weights.all_to("green")
NOBODY_LISTENS = "https://127.81.0.1:9"


def waiting_for(lock: IO[str]) -> set[int]:
    """The other processes that have the file open."""
    held = set()
    for process in Path("/proc").glob("[0-9]*"):
        # Processes and their descriptors come and go while one looks.
        with suppress(OSError):
            for descriptor in (process / "fd").iterdir():
                with suppress(OSError):
                    if descriptor.samefile(lock.name):
                        held.add(int(process.name))
    return held - {os.getpid()}


def kill(process: subprocess.Popen[str], lock: IO[str]) -> None:
    """Its module has a session of its own and would go on, once it gets the lock."""
    kill_with_descendants(process)
    eventually(lambda: not waiting_for(lock), "the module is gone")


@pytest.fixture
def scene(tmp_path: Path) -> EdgesUnderTest:
    return EdgesUnderTest(tmp_path, NAMES, NETWORK_PREFIX)


@pytest.fixture(autouse=True)
def colours(scene: EdgesUnderTest) -> Iterator[dict[str, ColourUnderTest]]:
    with running_colour(scene.facts, "blue") as blue, running_colour(scene.facts, "green") as green:
        yield {"blue": blue, "green": green}


@pytest.mark.long
def test_all_edges_switch_as_one_and_only_once(scene: EdgesUnderTest) -> None:
    scene.switch("-e", "switch_to=green", "--check")
    assert (scene.weights, scene.undecided) == ([BLUE] * 3, [])
    scene.switch("-e", "switch_to=green")
    generations = [scene.routes(name).current() for name in NAMES]
    assert [generation.weights for generation in generations] == [GREEN] * 3
    assert len({generation.number for generation in generations}) == 1
    scene.switch("-e", "switch_to=green")
    assert [scene.routes(name).current() for name in NAMES] == generations
    scene.switch("-e", json.dumps({"switch_weights": {"blue": 20, "green": 80}}))
    assert [scene.routes(name).current().candidate for name in NAMES] == ["blue"] * 3
    assert scene.events == [("switched", "green"), ("canary", "blue")]


def test_an_edge_that_cannot_reach_the_colour_leaves_all_as_they_were(scene: EdgesUnderTest) -> None:
    scene.variables["south"]["traffic_endpoints"] = {"green": {"api-gateway": NOBODY_LISTENS, "frontend": NOBODY_LISTENS}}
    code, output = scene.run("switch", "-e", "switch_to=green")
    assert code != 0
    assert "green cannot take traffic: https://127.81.0.1:9/" in output
    assert "traffic was not moved at any edge" in output
    assert (scene.weights, scene.undecided) == ([BLUE] * 3, [])


def test_an_edge_that_is_away_leaves_all_as_they_were(scene: EdgesUnderTest) -> None:
    scene.variables["west"] |= {"ansible_connection": "ssh", "ansible_host": "127.81.0.1", "ansible_port": 9}
    code, output = scene.run("switch", "-e", "switch_to=green")
    assert code != 0
    assert "Connection refused" in output
    assert (scene.weights, scene.undecided) == ([BLUE] * 3, [])


@pytest.mark.long
def test_killed_after_the_decision_the_next_run_completes_it(scene: EdgesUnderTest) -> None:
    process = scene.start("switch", "-e", "switch_to=green")
    eventually(lambda: scene.memory("west").undecided is not None, "west has agreed", interval=0.005)
    # From here on west does not get to switch.
    with (scene.home("west") / "routes" / ".lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        eventually(lambda: scene.undecided == ["west"], "south has switched", interval=0.005)
        eventually(lambda: bool(waiting_for(lock)), "west is about to switch")
        kill(process, lock)
    assert scene.weights == [GREEN, GREEN, BLUE]
    assert scene.undecided == ["west"]
    info = run_module("bluegreen_info", {"environment": "test", "home": str(scene.folder / "west"), "network_prefix": NETWORK_PREFIX})
    assert info["undecided"]["weights"] == GREEN.as_dict()
    # Whatever is asked for now, even if it is refused.
    code, output = scene.run("switch", "-e", "switch_to=purple")
    assert code != 0
    assert "unknown colour 'purple'" in output
    assert (scene.weights, scene.undecided) == ([GREEN] * 3, [])


@pytest.mark.long
def test_killed_before_the_decision_the_next_run_forgets_it(scene: EdgesUnderTest) -> None:
    with (scene.home("west") / "routes" / ".lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        process = scene.start("switch", "-e", "switch_to=green")
        eventually(lambda: bool(waiting_for(lock)), "west is about to agree")
        kill(process, lock)
    assert (scene.weights, scene.undecided) == ([BLUE] * 3, ["north", "south"])
    scene.switch("-e", "switch_to=blue")
    assert (scene.weights, scene.undecided) == ([BLUE] * 3, [])


@pytest.mark.long
def test_an_edge_that_returns_catches_up_first(scene: EdgesUnderTest) -> None:
    kept = scene.folder / "kept"
    shutil.copytree(scene.home("west") / "routes", kept, symlinks=True)
    scene.switch("-e", "switch_to=green")
    shutil.rmtree(scene.home("west") / "routes")
    kept.rename(scene.home("west") / "routes")
    assert scene.weights == [GREEN, GREEN, BLUE]
    output = scene.switch("-e", "switch_to=green")
    assert "Bring edges along that missed a switch" in output
    assert scene.weights == [GREEN] * 3
    assert len({scene.routes(name).current().number for name in NAMES}) == 1


@pytest.mark.long
def test_the_environments_own_host_comes_first(scene: EdgesUnderTest) -> None:
    code, output = scene.run("switch", "-e", "switch_to=green", "-e", '{"traffic_edges": ["south", "north"]}')
    assert code != 0
    assert "north is not the first of the edges south, north - put the environment's own host first" in output
