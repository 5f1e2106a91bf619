"""A candidate that fails 30 % of its requests at 20 % weight: who sends a key never notices, and the edge charges it with each failure."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from upstreams import Upstream, running

from ansible_collections.echobase.platform.plugins.module_utils.traffic.weights import Weights
from counting_client import ClientConfig, CountingClient, Report, Target
from harness.edge_under_test import EdgeUnderTest, edge_facts, running_edge
from harness.waiting import eventually
from run_results import Results

pytestmark = [pytest.mark.load, pytest.mark.long]

NETWORK_PREFIX = "127.47"
EDGE_PORT = 22453
CANARY = {"blue": 80, "green": 20}
FAILING = 0.3
# A candidate that says nothing is given up after so many seconds; long enough that a busy machine is not taken for a failing candidate.
PATIENCE = 3


@pytest.fixture(scope="module")
def edge(nginx_image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EdgeUnderTest]:
    facts = edge_facts(tmp_path_factory.mktemp("canary"), "load-canary", EDGE_PORT, NETWORK_PREFIX)
    with running_edge(facts, nginx_image, edge_candidate_timeout=PATIENCE) as started:
        yield started


@pytest.fixture
def stable(edge: EdgeUnderTest) -> Upstream:
    return upstream(edge, "blue", fail=0.0)


@pytest.fixture
def candidate(edge: EdgeUnderTest) -> Upstream:
    return upstream(edge, "green", fail=FAILING)


@pytest.fixture
def canary(edge: EdgeUnderTest, stable: Upstream, candidate: Upstream) -> Iterator[None]:
    with running(stable, candidate):
        for weights in (Weights.all_to("blue"), Weights(**CANARY)):
            edge.routes.commit(edge.routes.prepare(weights))
        yield


def upstream(edge: EdgeUnderTest, colour: str, fail: float) -> Upstream:
    return Upstream(colour, edge.facts["colours"][colour]["edge_addresses"][1], 8443, edge.home / "tls" / colour, fail)


def count(edge: EdgeUnderTest, seconds: float, **profile: Any) -> Report:
    target = Target(f"https://localhost:{EDGE_PORT}/api/orders", str(edge.ca_file), ("127.0.0.1", EDGE_PORT))
    return CountingClient(ClientConfig(target, seconds, busy=60, weights=CANARY, **profile)).run()


def logged(edge: EdgeUnderTest, requests: int, seconds: float = 20.0) -> list[dict[str, Any]]:
    """The access log, once it tells of so many requests."""
    # Makes nginx write what it keeps back.
    os.kill(edge.state()["Pid"], signal.SIGUSR1)

    def lines() -> list[dict[str, Any]]:
        return [line for line in edge.access_log() if line["path"] == "/api/orders"]

    eventually(lambda: len(lines()) >= requests, lambda: f"{len(lines())} requests are logged of {requests}", seconds, interval=0.1)
    return lines()


def test_keyed_clients_see_no_failure_and_each_is_charged_to_the_candidate(
    edge: EdgeUnderTest, canary: None, stable: Upstream, candidate: Upstream, results: Results
) -> None:
    report = count(edge, 15, rate=300, keyed=True, http2_connections=4, http2_streams=5, uploads=4, upload_seconds=3)
    report.compare_with_upstreams(request_id for upstream in (stable, candidate) for request_id in upstream.seen())
    results.keep(report)
    failed = candidate.failed()

    report.assert_nothing_lost()
    assert report.by_status == {200: report.answered}
    # It did get its share, and did fail as much of that as it should.
    offered = report.by_colour["green"] + failed["requests"]
    assert 0.15 < offered / report.answered < 0.25
    assert 0.2 < failed["requests"] / offered < 0.4
    assert set(failed["by_way"]) == {"status 500", "reset", "hang"}

    # Each was tried at the candidate once, and charged to it once.
    lines = logged(edge, report.answered)
    assert len(lines) == report.answered
    assert failed["attempts"] == failed["requests"] == sum(line["replayed_from"] == "green" for line in lines)
    assert {line["replayed_from"] for line in lines} == {"", "green"}


def test_without_a_key_the_same_failures_are_seen(edge: EdgeUnderTest, canary: None, candidate: Upstream, results: Results) -> None:
    # What hangs is not cut off for them by the edge.
    report = count(edge, 5, rate=100, timeout=8)
    results.keep(report)
    assert report.not_served == candidate.failed()["requests"] > 0
    assert report.unaccounted == 0
