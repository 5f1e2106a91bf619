from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.colours.claim import REMOVED, Claim, ColourClaims
from ansible_collections.echobase.platform.plugins.module_utils.colours.containers import Container
from ansible_collections.echobase.platform.plugins.module_utils.environment.ledger import Ledger, new_entry
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment, environment
from ansible_collections.echobase.platform.plugins.module_utils.lease.lease import Lease
from ansible_collections.echobase.platform.plugins.module_utils.lease.unrecorded_events import (
    record_rollback_beside,
    record_what_was_cut_off,
)
from ansible_collections.echobase.platform.plugins.module_utils.traffic.agreement import EdgeMemory, Proposal
from ansible_collections.echobase.platform.plugins.module_utils.traffic.generation import Generation
from ansible_collections.echobase.platform.plugins.module_utils.traffic.nginx_routes import NginxRoutes
from ansible_collections.echobase.platform.plugins.module_utils.traffic.weights import EMPTY, Weights


@pytest.fixture
def env(tmp_path: Path) -> Environment:
    env = environment("test", str(tmp_path))
    NginxRoutes(env.path("routes")).initialise()
    return env


def move(env: Environment, weights: Weights, lease: int | None, maintenance: bool = False) -> None:
    routes = NginxRoutes(env.path("routes"))
    routes.commit(routes.prepare(weights, maintenance), lease)


def containers(env: Environment, colour: str) -> list[Container]:
    return [Container(f"{colour}-gateway", "running", "healthy", "image", f"release-of-{colour}")]


def recorded(env: Environment, operation: str, colour_is_gone: bool = False) -> list[dict[str, Any]]:
    before = len(Ledger(Path(env.path("ledger.jsonl"))).entries())
    lines = record_what_was_cut_off(
        env, Lease(5, "run", "kim", operation), lambda env, colour: [] if colour_is_gone else containers(env, colour)
    )
    entries = Ledger(Path(env.path("ledger.jsonl"))).entries()[before:]
    assert len(lines) == len(entries)
    return entries


@pytest.mark.parametrize(
    ("operation", "weights", "event", "colour"),
    [
        ("promote", Weights.all_to("green"), "promoted", "green"),
        ("deploy", Weights.all_to("blue"), "promoted", "blue"),
        ("rollback", Weights.all_to("blue"), "rolled_back", "blue"),
        ("canary", Weights(80, 20), "canary", "green"),
        ("switch", Weights.all_to("green"), "switched", "green"),
        ("switch", EMPTY, "switched", ""),
    ],
)
def test_a_switch_that_was_not_recorded_is_recorded_once(
    env: Environment, operation: str, weights: Weights, event: str, colour: str
) -> None:
    move(env, weights, 5)
    (entry,) = recorded(env, operation)
    assert (entry["event"], entry["colour"], entry["by"], entry["lease"]) == (event, colour, "kim", 5)
    assert entry["release"] == (f"release-of-{colour}" if colour else "")
    assert recorded(env, operation) == []


@pytest.mark.parametrize(("maintenance", "event"), [(True, "closed"), (False, "opened")])
def test_so_is_the_maintenance_page(env: Environment, maintenance: bool, event: str) -> None:
    move(env, Weights.all_to("blue"), 5, maintenance)
    assert [entry["event"] for entry in recorded(env, "maintenance")] == [event]


def test_what_the_run_recorded_itself_is_not_recorded_again(env: Environment) -> None:
    move(env, Weights.all_to("green"), 5)
    Ledger(Path(env.path("ledger.jsonl"))).append(new_entry("promoted", "green", "release-of-green", {}, lease=5))
    assert recorded(env, "promote") == []


@pytest.mark.parametrize("lease", [None, 4])
def test_what_others_moved_is_not_put_down_to_it(env: Environment, lease: int | None) -> None:
    move(env, Weights.all_to("green"), lease)
    assert recorded(env, "promote") == []


def test_of_several_edges_what_was_decided_counts_although_none_has_moved_yet(env: Environment) -> None:
    move(env, Weights.all_to("blue"), 4)
    routes = NginxRoutes(env.path("routes"))
    decided = Generation(routes.upcoming(), Weights.all_to("green"))
    EdgeMemory(env.path("routes")).decide(Proposal(decided, ("north", "south"), 5))
    (entry,) = recorded(env, "promote")
    assert (entry["event"], entry["colour"], entry["details"]["to"]) == ("promoted", "green", decided.as_dict())
    # The next run carries it out.
    routes.commit(routes.lay(decided), 5)
    assert recorded(env, "promote") == []


def test_a_rollback_beside_a_restore_is_recorded_once(env: Environment) -> None:
    ledger = Ledger(Path(env.path("ledger.jsonl")))
    ledger.append(new_entry("promoted", "green", "release-of-green", {}, lease=4))
    lease = Lease(5, "", "kim", "restore")
    move(env, Weights.all_to("green"), 5, maintenance=True)
    assert record_rollback_beside(env, lease, containers) == []
    move(env, Weights.all_to("blue"), 5, maintenance=True)
    # What the restore itself does afterwards moves nobody.
    move(env, Weights.all_to("blue"), 5)
    assert record_rollback_beside(env, lease, containers) == ["rolled_back blue"]
    entry = ledger.entries()[-1]
    assert (entry["by"], entry["release"]) == ("unknown", "release-of-blue")
    assert entry["details"]["recorded"] == "by the next run, since a rollback beside restore (lease 5) was cut off"
    assert record_rollback_beside(env, lease, containers) == []


def test_what_other_runs_moved_is_no_rollback_beside_this_one(env: Environment) -> None:
    Ledger(Path(env.path("ledger.jsonl"))).append(new_entry("promoted", "green", "release-of-green", {}, lease=4))
    move(env, Weights.all_to("blue"), 6)
    assert record_rollback_beside(env, Lease(5, "", "kim", "restore"), containers) == []


@pytest.mark.parametrize("operation", ["restore", "cleanup", "migrate", "setup"])
def test_a_run_that_moves_no_traffic_for_good_adds_nothing(env: Environment, operation: str) -> None:
    move(env, Weights.all_to("green"), 5, maintenance=True)
    assert recorded(env, operation) == []


def test_a_removal_that_came_to_its_end_is_recorded_and_is_no_claim_any_more(env: Environment) -> None:
    ColourClaims(env).make(Claim("blue", REMOVED, "0.1.0-old", 5, "2026-11-28T01:02:03+00:00", "cleanup of kim@laptop"))
    assert recorded(env, "cleanup") == []
    assert ColourClaims(env).of("blue")
    (entry,) = recorded(env, "cleanup", colour_is_gone=True)
    assert (entry["event"], entry["colour"], entry["release"], entry["lease"]) == ("removed", "blue", "0.1.0-old", 5)
    assert ColourClaims(env).of("blue") is None
