"""Playbook watch where it must not begin: one line each, and nothing moves."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.host.process_identity import ProcessIdentity
from ansible_collections.echobase.platform.plugins.module_utils.lease.lease import Lease
from ansible_collections.echobase.platform.plugins.module_utils.lease.release_lease import ReleaseLease
from ansible_collections.echobase.platform.plugins.module_utils.traffic.weights import EMPTY, Weights
from harness.colour_under_test import running_colour
from harness.edges_under_test import EdgesUnderTest

BLUE = Weights.all_to("blue")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EdgesUnderTest]:
    scene = EdgesUnderTest(tmp_path_factory.mktemp("watch"), ["north"], "127.85")
    with running_colour(scene.facts, "blue"), running_colour(scene.facts, "green"):
        yield scene


def refused(scene: EdgesUnderTest, *arguments: str) -> str:
    before = scene.routes("north").current()
    code, output = scene.run("watch", "-e", "watch_session=/nobody/watches", *arguments)
    assert code != 0, output
    assert scene.routes("north").current() == before
    told = output.partition("FAILED")[2].partition("\nPLAY RECAP")[0].strip().splitlines()
    assert len(told) == 2, output
    return told[1].strip()


def lay(scene: EdgesUnderTest, weights: Weights, maintenance: bool = False) -> None:
    routes = scene.routes("north")
    routes.commit(routes.prepare(weights, maintenance))


def test_where_there_is_no_place_or_no_way_back_it_does_not_begin(scene: EdgesUnderTest) -> None:
    lay(scene, EMPTY)
    assert refused(scene).startswith("nothing is live, so there is nothing to go back to - run ")
    lay(scene, Weights(50, 50))
    assert refused(scene).startswith("blue and green are live - end that with ")
    lay(scene, BLUE, maintenance=True)
    assert refused(scene).startswith("everybody sees the maintenance page - end that with ")
    lay(scene, BLUE)


def test_an_environment_with_customers_refuses_it(scene: EdgesUnderTest) -> None:
    """It is refused before anything of that environment is looked at."""
    told = refused(scene, "-e", "echobase_env=ci", "-e", f"echobase_home={scene.folder}/nothing")
    assert told == "ci serves releases, and the working tree is none - watch it in devlocal"
    assert not Path(scene.folder, "nothing").exists()


def test_beside_a_release_it_does_not_begin(scene: EdgesUnderTest) -> None:
    lease, now = ReleaseLease(scene.env), datetime.now(UTC).isoformat()
    held = Lease(0, "a release", "ann", "deploy", ProcessIdentity.of(os.getpid()), now, now)
    number = lease.take(replace(held)).number
    try:
        told = refused(scene)
    finally:
        lease.give_back(number, "a release")
    assert told.startswith("deploy by ann@")
    assert "has environment test - wait for its end with -e wait=60, or end that run" in told


def test_with_nothing_to_put_away_nothing_changes(scene: EdgesUnderTest) -> None:
    code, output = scene.run("watch")
    assert code == 0, output
    assert "changed=0" in output
    assert scene.routes("north").current().weights == BLUE
