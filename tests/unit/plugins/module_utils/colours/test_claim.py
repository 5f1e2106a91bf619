from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.colours.claim import REMOVED, REPLACED, Claim, ColourClaims
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment, environment
from ansible_collections.echobase.platform.plugins.module_utils.host.process_identity import ProcessIdentity
from ansible_collections.echobase.platform.plugins.module_utils.lease.lease import Lease
from ansible_collections.echobase.platform.plugins.module_utils.lease.release_lease import ReleaseLease
from ansible_collections.echobase.platform.plugins.module_utils.traffic.agreement import EdgeMemory
from ansible_collections.echobase.platform.plugins.module_utils.traffic.nginx_routes import NginxRoutes
from ansible_collections.echobase.platform.plugins.module_utils.traffic.switch import BluegreenSwitch, ColourQuestions, Findings, Order
from ansible_collections.echobase.platform.plugins.module_utils.traffic.weights import EMPTY, Weights


@pytest.fixture
def env(tmp_path: Path) -> Environment:
    env = environment("test", str(tmp_path))
    routes = NginxRoutes(env.path("routes"))
    routes.initialise()
    routes.commit(routes.prepare(Weights.all_to("green")))
    return env


def blue(purpose: str = REPLACED, lease: int = 1) -> Claim:
    return Claim("blue", purpose, "0.1.0-new", lease, "2026-11-28T01:02:03+00:00", "deploy of kim@laptop")


def mover_of(env: Environment, findings: Findings, lease: int | None) -> BluegreenSwitch:
    claims = ColourClaims(env)
    colours = ColourQuestions(findings, lambda _: {}, lambda name: claims.findings(name, lease))
    return BluegreenSwitch(NginxRoutes(env.path("routes")), EdgeMemory(env.path("routes")), colours)


def switch(env: Environment, colour: str, lease: int | None = None, break_glass: str = "") -> list[str]:
    mover = mover_of(env, lambda _: [], lease)
    outcome = mover.execute(Order(Weights.all_to(colour), fencing_number=lease, break_glass=break_glass))
    return list(outcome.facts["overridden"])


@pytest.mark.parametrize(("weights", "share"), [(Weights(100, 0), 100), (Weights(20, 80), 20)])
def test_a_colour_with_traffic_cannot_be_claimed(env: Environment, weights: Weights, share: int) -> None:
    routes = NginxRoutes(env.path("routes"))
    routes.commit(routes.prepare(weights))
    with pytest.raises(Refusal, match=f"blue has {share} % of the traffic, so its containers stay as they are"):
        ColourClaims(env).make(blue())
    assert ColourClaims(env).all() == []


def test_nor_one_to_which_traffic_returns_after_maintenance(env: Environment) -> None:
    routes = NginxRoutes(env.path("routes"))
    routes.commit(routes.prepare(Weights.all_to("blue"), maintenance=True))
    with pytest.raises(Refusal, match="blue has 100 %"):
        ColourClaims(env).make(blue(REMOVED))


def test_a_claimed_colour_gets_no_traffic(env: Environment) -> None:
    ColourClaims(env).make(blue())
    with pytest.raises(Refusal, match=r"being replaced by 0\.1\.0-new since 01:02:03 UTC by deploy of kim@laptop"):
        switch(env, "blue")
    assert NginxRoutes(env.path("routes")).current().weights == Weights.all_to("green")


def test_whoever_knows_better_breaks_the_glass(env: Environment) -> None:
    ColourClaims(env).make(blue(REMOVED))
    assert "blue is being removed" in switch(env, "blue", break_glass="I know")[0]


def test_the_run_that_claimed_it_may_send_traffic_there(env: Environment) -> None:
    routes = NginxRoutes(env.path("routes"))
    routes.commit(routes.prepare(EMPTY))
    ColourClaims(env).make(blue(lease=7))
    switch(env, "blue", lease=7)
    assert routes.current().weights == Weights.all_to("blue")


def test_a_claim_that_comes_while_the_colours_are_asked_is_seen(env: Environment) -> None:
    """The containers are well when they are asked, and a deployment begins to replace them in that very moment."""
    claims = ColourClaims(env)

    def well_until_now(colour: str) -> list[str]:
        claims.make(blue())
        return []

    mover = mover_of(env, well_until_now, None)
    with pytest.raises(Refusal, match="blue cannot take traffic: blue is being replaced"):
        mover.execute(Order(Weights.all_to("blue")))
    assert NginxRoutes(env.path("routes")).current().weights == Weights.all_to("green")


def test_a_run_that_a_rollback_stopped_can_claim_nothing(env: Environment) -> None:
    """A deployment reads that blue is idle; a rollback sends traffic elsewhere; the deployment goes on."""
    NginxRoutes(env.path("routes")).fence(2)
    with pytest.raises(Refusal, match="fencing number 1 is outdated"):
        ColourClaims(env).make(blue(lease=1))


def test_it_ends_with_the_lease_and_stays_where_the_run_failed(env: Environment) -> None:
    lease, claims = ReleaseLease(env), ColourClaims(env)
    ourselves = ProcessIdentity.of(os.getpid())
    first = lease.take(Lease(0, "one", "kim", "deploy", ourselves)).number
    claims.make(blue(lease=first))
    lease.give_back(first, "one")
    assert claims.all() == []
    second = lease.take(Lease(0, "two", "kim", "deploy", ourselves)).number
    claims.make(blue(lease=second))
    third = lease.take(Lease(0, "three", "kim", "rollback", ourselves)).number
    lease.give_back(third, "three")
    assert claims.of("blue") == blue(lease=second)


def test_a_damaged_claim_is_named_and_written_anew(env: Environment) -> None:
    claims = ColourClaims(env)
    claims.make(blue())
    Path(env.path("journal", "blue.json")).write_text("{")
    with pytest.raises(Refusal, match=r"journal/blue\.json cannot be understood .* deploy blue again"):
        claims.findings("blue", None)
    claims.make(blue())
    assert claims.findings("blue", 1) == []
