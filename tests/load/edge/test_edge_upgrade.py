"""The edge itself is given another configuration and another image, and is killed: nobody loses a request, nobody is refused."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import docker
import pytest
from upstreams import Upstream, running

from ansible_collections.echobase.platform.plugins.module_utils.application.settings import Settings
from ansible_collections.echobase.platform.plugins.module_utils.base.progress import Progress
from ansible_collections.echobase.platform.plugins.module_utils.edge.configuration import EdgeConfiguration, WantedEdge
from ansible_collections.echobase.platform.plugins.module_utils.edge.servers import EdgeServers
from ansible_collections.echobase.platform.plugins.module_utils.edge.trial import NginxTrial
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment, as_facts, environment
from ansible_collections.echobase.platform.plugins.module_utils.traffic.nginx_routes import NginxRoutes
from ansible_collections.echobase.platform.plugins.module_utils.traffic.weights import Weights
from counting_client import ClientConfig, Committed, CountingClient, PlannedSwitch, Target
from harness.edge_under_test import EdgeUnderTest, routes_of, routes_settings
from harness.throwaway_tls import make_certificates
from harness.waiting import eventually
from run_results import Results

pytestmark = [pytest.mark.load, pytest.mark.long]

NETWORK_PREFIX = "127.61"
EDGE_PORT = 24443
WEIGHTS = Weights(100, 0)
LONGEST_PAUSE = 12.0
# Longer than any pause, so that only HTTP/2 connections, which are told to go elsewhere, are left.
DRAIN_SECONDS = 16.0
SECONDS = 130.0
ROUTES_SECONDS = 110.0


@dataclass
class UpgradedEdge:
    """An edge of its own names, brought to its state as module edge_config does it."""

    env: Environment
    engine: docker.DockerClient

    def ensure(self, image: str, **options: object) -> bool:
        render = EdgeUnderTest(as_facts(self.env), image, options).render
        servers = EdgeServers(self.engine, self.env, ready_seconds=30, drain_seconds=DRAIN_SECONDS, progress=Progress(None))
        configuration = EdgeConfiguration(self.env, servers, NginxTrial(self.engine, self.env.name, image))
        return configuration.ensure(WantedEdge(*map(render, ("nginx.conf.j2", "compose.yml.j2", "sockets.yml.j2"))), check=False).changed

    def remove(self) -> None:
        EdgeConfiguration(self.env, EdgeServers(self.engine, self.env, 0, 0, Progress(None)), NginxTrial(self.engine, "", "")).remove(
            check=False
        )

    def runs(self) -> tuple[str, str]:
        """Its image and its container's id."""
        container = self.engine.containers.get(self.env.edge_container)
        return str(container.attrs["Config"]["Image"]), str(container.id)

    def process(self, name: str) -> int:
        return int(self.engine.containers.get(name).attrs["State"]["Pid"])


@pytest.fixture
def edge(nginx_image: str, tmp_path: Path) -> Iterator[UpgradedEdge]:
    names: dict[str, Any] = {
        "name": "zz-upgrade",
        "durable_project": "zz-upgrade",
        "edge_port": EDGE_PORT,
        "operators_port": EDGE_PORT + 1000,
    }
    env = replace(environment("test", str(tmp_path), NETWORK_PREFIX), **names)
    make_certificates(Path(env.path("tls")), [colour.tls_name for colour in env.colours.values()])
    edge = UpgradedEdge(env, docker.from_env())
    try:
        assert edge.ensure(nginx_image)
        routes = NginxRoutes(env.path("routes"))
        routes.commit(routes.prepare(WEIGHTS))
        yield edge
    finally:
        edge.remove()


@pytest.fixture
def another_image(nginx_image: str) -> Iterator[str]:
    tag = "zz-upgrade-nginx:another"
    subprocess.run(["docker", "tag", nginx_image, tag], check=True)
    yield tag
    subprocess.run(["docker", "rmi", tag], check=True, capture_output=True)


@pytest.fixture
def upstream(edge: UpgradedEdge) -> Iterator[Upstream]:
    blue = Upstream("blue", edge.env.colours["blue"].edge_addresses[1], 8443, Path(edge.env.path("tls", "blue")))
    with running(blue):
        yield blue


def test_a_new_configuration_and_a_new_image_lose_nothing(
    edge: UpgradedEdge, upstream: Upstream, nginx_image: str, another_image: str, results: Results
) -> None:
    seen = [edge.runs()]

    def upgrade(image: str) -> Committed:
        assert edge.ensure(image, edge_max_body="2m")
        seen.append(edge.runs())
        return Committed(WEIGHTS.as_dict())

    config = ClientConfig(
        Target(f"https://localhost:{EDGE_PORT}/api/orders", edge.env.path("tls", "ca.crt"), ("127.0.0.1", EDGE_PORT)),
        seconds=SECONDS,
        busy=60,
        idle=60,
        longest_pause=LONGEST_PAUSE,
        http2_connections=5,
        http2_streams=4,
        rate=300.0,
        weights=WEIGHTS.as_dict(),
    )
    plan = [PlannedSwitch(3.0, lambda: upgrade(nginx_image)), PlannedSwitch(4.0, lambda: upgrade(another_image))]

    report = CountingClient(config, plan).run()
    report.compare_with_upstreams(upstream.seen())
    results.keep(report)

    report.assert_nothing_lost()
    assert [image for image, _ in seen] == [nginx_image, nginx_image, another_image]
    assert len({container for _, container in seen}) == 3
    # Both ended while there still was traffic to lose.
    assert len(report.switches) == 2
    assert max(switch.committed for switch in report.switches) < SECONDS
    # Every connection had to move, some of them twice for each change.
    assert report.reopened >= 2 * (config.busy + config.idle)
    assert not edge.ensure(another_image, edge_max_body="2m")


def test_nobody_is_refused_while_a_killed_edge_comes_back(edge: UpgradedEdge, upstream: Upstream) -> None:
    """By its process id: `docker kill` would suppress the restart policy. What it had accepted dies with it, and nothing else."""
    callers = [_Caller(edge) for _ in range(8)]
    for caller in callers:
        caller.start()
    for _ in range(3):
        _kill_once(edge, callers)
    for caller in callers:
        caller.finish()
    outcomes = sum((caller.outcomes for caller in callers), Counter[str]())
    # A killed nginx has at most one connection of each caller.
    assert outcomes["reset"] <= 3 * len(callers)
    assert set(outcomes) <= {"answered", "reset"}, outcomes


def test_a_release_with_other_routes_loses_nothing(edge: UpgradedEdge, nginx_image: str, results: Results) -> None:
    """What answers is a service with TLS in one release, and in the next, which has no route of its own for it, another one without."""
    services = ("web", "api")
    old = routes_settings(services, routes={"/": "web:8080", "/api": {"service": "api", "port": 8443, "tls": True, "idle": 120}})
    new = routes_settings(services, routes={"/": "web:8080", "/reports": {"service": "api", "port": 8443, "tls": True}})
    facts, colours = as_facts(edge.env), edge.env.colours

    def have(weights: Weights, **settings: Settings) -> Committed:
        assert edge.ensure(nginx_image, edge_routes=routes_of(facts, settings))
        return Committed(weights.as_dict())

    def switch(weights: Weights) -> Committed:
        table = NginxRoutes(edge.env.path("routes"))
        table.commit(table.prepare(weights))
        return Committed(weights.as_dict())

    blue = Upstream("blue", colours["blue"].edge_addresses[1], 8443, Path(edge.env.path("tls", "blue")))
    green = Upstream("green", colours["green"].edge_addresses[0], 8080, None)
    config = ClientConfig(
        Target(f"https://localhost:{EDGE_PORT}/api/orders", edge.env.path("tls", "ca.crt"), ("127.0.0.1", EDGE_PORT)),
        seconds=ROUTES_SECONDS,
        busy=40,
        idle=20,
        longest_pause=LONGEST_PAUSE,
        http2_connections=3,
        http2_streams=4,
        rate=200.0,
        weights=WEIGHTS.as_dict(),
    )
    only_blue, canary, only_green = WEIGHTS, Weights(70, 30), Weights(0, 100)
    steps = [
        lambda: have(only_blue, blue=old, green=new),
        *(lambda weights=weights: switch(weights) for weights in (canary, only_green, only_blue, canary, only_green)),
        lambda: have(only_green, green=new),
    ]
    plan = [PlannedSwitch(3.0 + 2.0 * number, step) for number, step in enumerate(steps)]
    assert edge.ensure(nginx_image, edge_routes=routes_of(facts, {"blue": old}))

    with running(blue, green) as upstreams:
        report = CountingClient(config, plan).run()
        report.compare_with_upstreams(request_id for upstream in upstreams for request_id in upstream.seen())
    results.keep(report)

    report.assert_nothing_lost()
    assert len(report.switches) == len(steps)
    assert min(report.by_colour.values()) > 500


class _Caller(threading.Thread):
    """A new connection for every request."""

    def __init__(self, edge: UpgradedEdge) -> None:
        super().__init__()
        self._context = ssl.create_default_context(cafile=edge.env.path("tls", "ca.crt"))
        self._finished = threading.Event()
        self.outcomes: Counter[str] = Counter()

    def run(self) -> None:
        while not self._finished.wait(0.005):
            self.outcomes[self._ask()] += 1

    def finish(self) -> None:
        self._finished.set()
        self.join()

    def _ask(self) -> str:
        try:
            plain = socket.create_connection(("127.0.0.1", EDGE_PORT), timeout=30)
        except OSError as error:
            return f"no connection: {error}"
        try:
            with self._context.wrap_socket(plain, server_hostname="localhost") as connection:
                connection.sendall(b"GET /api/orders HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                answer = b"".join(iter(lambda: connection.recv(65536), b""))
        except (ConnectionError, ssl.SSLEOFError):
            return "reset"
        except OSError as error:
            return f"no answer: {error}"
        return "answered" if answer.startswith(b"HTTP/1.1 200 ") else f"answer {answer[:40]!r}" if answer else "reset"


def _kill_once(edge: UpgradedEdge, callers: list[_Caller]) -> None:
    """Returns when another process serves."""
    pid = edge.process(edge.env.edge_container)
    answered = _answered(callers)
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: edge.process(edge.env.edge_container) not in (0, pid), "another process serves")
    eventually(lambda: _answered(callers) > answered + 100, "customers are answered again")


def _answered(callers: list[_Caller]) -> int:
    return sum(caller.outcomes["answered"] for caller in callers)
