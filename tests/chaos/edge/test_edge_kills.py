"""`kill -9` of everything the edge is made of, under load and amid switches: it comes back by itself and serves whom the table says."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest
from upstreams import Upstream, running

from ansible_collections.echobase.platform.plugins.module_utils.traffic.weights import Weights
from counting_client import ClientConfig, Committed, CountingClient, Report, Target, every
from harness.edge_processes import EdgeProcesses, HeldConnection
from harness.edge_under_test import EdgeUnderTest, edge_facts, running_edge
from harness.images_under_test import image_tag
from harness.waiting import eventually

pytestmark = pytest.mark.chaos

BLUE, GREEN = Weights.all_to("blue"), Weights.all_to("green")
HEALED = 60


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EdgeUnderTest]:
    facts = edge_facts(tmp_path_factory.mktemp("edge-kills"), "kills", 28543, "127.63")
    with ExitStack() as stack:
        edge = stack.enter_context(running_edge(facts, image_tag("nginx")))
        places = {name: place["edge_addresses"][1] for name, place in facts["colours"].items()}
        stack.enter_context(running(*(Upstream(name, address, 8443, edge.home / "tls" / name) for name, address in places.items())))
        move(edge, BLUE)
        yield edge


@pytest.fixture
def processes(edge: EdgeUnderTest) -> EdgeProcesses:
    return EdgeProcesses(edge)


def move(edge: EdgeUnderTest, weights: Weights) -> Committed:
    edge.routes.commit(edge.routes.prepare(weights))
    committed = Committed(weights.as_dict())
    edge.routes.prune()
    return committed


class Load:
    """Customers who count, and a switch every third of a second, for as long as the context lasts."""

    def __init__(self, edge: EdgeUnderTest) -> None:
        before = move(edge, BLUE)
        target = Target(f"https://localhost:{edge.port}/api/orders", str(edge.ca_file), ("127.0.0.1", edge.port))
        config = ClientConfig(target, seconds=3 * HEALED, busy=20, rate=200, weights=before.weights, timeout=30)
        switches = every(0.3, [lambda: move(edge, GREEN), lambda: move(edge, BLUE)], 1000)
        self._client = CountingClient(config, switches)
        self._report: Report | None = None
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Load:
        self._thread.start()
        self.go_on()
        return self

    def __exit__(self, *_: object) -> None:
        self._client.stop()
        self._thread.join()

    def go_on(self) -> None:
        """For some switches more."""
        time.sleep(1.0)

    @property
    def report(self) -> Report:
        assert self._report is not None, "the customers did not come to an end"
        return self._report

    def _run(self) -> None:
        self._report = self._client.run()


def assert_only_lost(report: Report) -> None:
    """A kill may cut connections. It never makes a wrong answer, an error, or a refused connection."""
    print(report.table())
    assert {kind: count for kind, count in report.faults.items() if count and kind != "lost"} == {}
    assert set(report.by_colour) == {"blue", "green"}
    assert len(report.switches) > 5


def assert_serves_as_the_table_says(edge: EdgeUnderTest) -> None:
    for weights, colour in ((GREEN, "green"), (BLUE, "blue")):
        move(edge, weights)
        with closing(HeldConnection(edge)) as customer:
            assert customer.colour == colour


def test_a_killed_worker_takes_its_own_connections_with_it_and_no_others(edge: EdgeUnderTest, processes: EdgeProcesses) -> None:
    before = set(processes.workers)
    with ExitStack() as stack, Load(edge) as load:
        held: list[HeldConnection] = []
        while not all(processes.clients_of(worker) & {customer.port for customer in held} for worker in before):
            assert len(held) < 500, "one worker takes no connections"
            held.append(stack.enter_context(closing(HeldConnection(edge))))
        worker = min(before)
        its_clients = processes.clients_of(worker)
        os.kill(worker, signal.SIGKILL)
        eventually(lambda: len(set(processes.workers) - {worker}) == len(before), "another worker is at work")
        unserved = {customer.port for customer in held if not customer.is_served()}
        load.go_on()
    mine = {customer.port for customer in held}
    print(f"worker {worker} had {len(its_clients)} connections, {len(its_clients & mine)} of them held by the test")
    assert unserved == its_clients & mine
    assert 0 < len(unserved) < len(held)
    assert_only_lost(load.report)
    assert load.report.lost + load.report.reopened > 0
    assert_serves_as_the_table_says(edge)


@pytest.mark.parametrize("victim", ["master", "shim"])
def test_a_killed_edge_comes_back_with_the_colour_of_the_table(edge: EdgeUnderTest, processes: EdgeProcesses, victim: str) -> None:
    """Connections wait at the listening sockets, which somebody else holds, until there is an nginx again."""
    master = processes.master
    with closing(HeldConnection(edge)) as customer, Load(edge) as load:
        os.kill(getattr(processes, victim), signal.SIGKILL)
        eventually(lambda: processes.master not in (0, master) and len(processes.workers) > 0, "the container runs again")
        assert not customer.is_served()
        load.go_on()
    assert_only_lost(load.report)
    assert load.report.lost + load.report.reopened > 0
    edge.await_ready(HEALED)
    assert_serves_as_the_table_says(edge)


@pytest.mark.long
def test_without_the_holder_of_its_sockets_the_edge_goes_on(edge: EdgeUnderTest, processes: EdgeProcesses) -> None:
    holder = processes.socket_holder
    with closing(HeldConnection(edge)) as customer, Load(edge) as load:
        os.kill(holder, signal.SIGKILL)
        eventually(lambda: processes.socket_holder not in (0, holder), "the holder runs again")
        assert customer.is_served()
        load.go_on()
    load.report.assert_nothing_lost()
    assert_serves_as_the_table_says(edge)


@pytest.mark.long
def test_killed_together_with_its_sockets_it_comes_back_all_the_same(edge: EdgeUnderTest, processes: EdgeProcesses) -> None:
    """Nobody holds the ports then: connections are refused for a moment, and still nobody is served by the wrong colour."""
    master, holder = processes.master, processes.socket_holder
    with Load(edge) as load:
        os.kill(holder, signal.SIGKILL)
        os.kill(master, signal.SIGKILL)
        eventually(lambda: processes.socket_holder not in (0, holder) and processes.master not in (0, master), "both run again")
        edge.await_ready(HEALED)
        load.go_on()
    print(load.report.table())
    allowed = ("lost", "connect failures")
    assert {kind: count for kind, count in load.report.faults.items() if count and kind not in allowed} == {}
    assert load.report.not_served > 0
    assert_serves_as_the_table_says(edge)
