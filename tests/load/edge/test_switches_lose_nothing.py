"""The real edge, the real routing table, real clients: promotions, canaries and rollbacks, and every request is answered once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from upstreams import Upstream, running

from ansible_collections.echobase.platform.plugins.module_utils.traffic.weights import Weights
from counting_client import ClientConfig, Committed, CountingClient, Target, every
from harness.edge_under_test import EdgeUnderTest, edge_facts, running_edge
from run_results import Results

pytestmark = pytest.mark.load

# 127.x: the fixed addresses of the colours are this host's own, so the upstreams need no network.
NETWORK_PREFIX = "127.46"
EDGE_PORT = 22443
SWITCHES = 23
SECONDS = 86.0
REQUESTS = 50_000
BUSY, IDLE, HTTP2_CONNECTIONS, HTTP2_STREAMS, SESSIONS, UPLOADS = 100, 150, 5, 10, 20, 6


@pytest.fixture
def edge(nginx_image: str, tmp_path: Path) -> Iterator[EdgeUnderTest]:
    facts = edge_facts(tmp_path, "load", EDGE_PORT, NETWORK_PREFIX) | {"durable_project": "zz-load-edge", "edge_container": "zz-load-edge"}
    with running_edge(facts, nginx_image) as started:
        yield started


@pytest.fixture
def upstreams(edge: EdgeUnderTest) -> Iterator[tuple[Upstream, ...]]:
    colours = edge.facts["colours"].values()
    with running(
        *(Upstream(colour["name"], colour["edge_addresses"][1], 8443, edge.home / "tls" / colour["name"]) for colour in colours)
    ) as started:
        yield started


def test_switches_lose_nothing(edge: EdgeUnderTest, upstreams: tuple[Upstream, ...], results: Results) -> None:
    def switch(blue: int, green: int) -> Callable[[], Committed]:
        def act() -> Committed:
            edge.routes.commit(edge.routes.prepare(Weights(blue, green)))
            return Committed({"blue": blue, "green": green})

        return act

    first = switch(100, 0)()
    config = ClientConfig(
        Target(f"https://localhost:{EDGE_PORT}/api/orders", str(edge.ca_file), ("127.0.0.1", EDGE_PORT)),
        seconds=SECONDS,
        requests=REQUESTS,
        busy=BUSY,
        idle=IDLE,
        longest_pause=70.0,
        http2_connections=HTTP2_CONNECTIONS,
        http2_streams=HTTP2_STREAMS,
        websockets=SESSIONS,
        event_streams=SESSIONS,
        uploads=UPLOADS,
        upload_seconds=30.0,
        rate=1000.0,
        weights=first.weights,
    )
    promote, rollback, canary = switch(0, 100), switch(100, 0), switch(80, 20)
    plan = every(SECONDS / (SWITCHES + 1), [promote, rollback, canary, promote, rollback], SWITCHES)

    report = CountingClient(config, plan).run()
    report.compare_with_upstreams(request_id for upstream in upstreams for request_id in upstream.seen())
    results.keep(report)

    report.assert_nothing_lost()
    assert len(report.switches) == SWITCHES
    assert report.answered >= REQUESTS
    assert min(report.by_colour.values()) > 10_000
    assert set(report.by_colour) == {"blue", "green"}
    assert min(report.kinds[kind].answered for kind in ("busy", "http2")) > 5_000
    # Connections that were quiet for any time up to 70 s were still good.
    assert set(report.pauses) == set(range(0, 70, 5))
    assert report.reopened == report.refused_and_repeated == 0
    # Every session lived through every switch.
    for kind in ("websocket", "event stream"):
        assert (report.sessions[kind].opened, report.sessions[kind].broken) == (SESSIONS, 0)
    assert report.kinds["message"].answered > SESSIONS * SWITCHES
    assert report.sessions["event stream"].events > SESSIONS * SWITCHES
    # Bodies that took 30 s went out while traffic was switched again and again.
    assert report.kinds["upload"].answered >= 2 * UPLOADS
