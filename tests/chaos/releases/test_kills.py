"""`kill -9` under load, one process at a time: no acknowledged order is lost or doubled, and the system heals by itself."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from pathlib import Path

import docker
import pytest
from conftest import DeployedEnvironment

from counting_client import OrdersClient, OrdersConfig, OrdersReport, PlannedSwitch, Target, compare_with_rows, verify_orders
from harness.environment_under_test import TEST
from harness.waiting import eventually

pytestmark = pytest.mark.chaos

HEALED = 60


def host_process(container: str) -> int:
    """The container's first process as the host sees it: a kill from here does not suspend the restart policy."""
    return int(docker.from_env().containers.get(container).attrs["State"]["Pid"])


def is_healthy(container: str, since: int) -> bool:
    state = docker.from_env().containers.get(container).attrs["State"]
    return bool(state["Running"]) and int(state["Pid"]) != since and state.get("Health", {}).get("Status") == "healthy"


class OrdersUnderWay:
    """Customers who order in the background until they are told to stop."""

    def __init__(self, environment: DeployedEnvironment, journal: Path, switches: list[PlannedSwitch] | None = None) -> None:
        self.journal = journal
        self.target = Target(environment.base_url, ca_file=environment.ca_file)
        self._client = OrdersClient(OrdersConfig(self.target, journal, seconds=600, customers=6, rate=40, patience=90), switches or [])
        self._report: OrdersReport | None = None
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        self._report = self._client.run()

    def __enter__(self) -> OrdersUnderWay:
        self._thread.start()
        self.await_further(40)
        return self

    def __exit__(self, *_: object) -> None:
        self._client.stop()
        self._thread.join()

    @property
    def acknowledged(self) -> int:
        return len(self.journal.read_bytes().splitlines()) if self.journal.exists() else 0

    def await_further(self, orders: int) -> None:
        wanted = self.acknowledged + orders
        eventually(lambda: self.acknowledged >= wanted, f"{orders} further acknowledged orders")

    @property
    def report(self) -> OrdersReport:
        assert self._report is not None, "the customers did not come to an end"
        return self._report


def prove(environment: DeployedEnvironment, orders: OrdersUnderWay) -> None:
    """Every acknowledged order is there, exactly once and processed: asked of the interface, then of the database itself."""
    orders.report.assert_every_order_acknowledged()
    verify_orders(orders.target, orders.journal).assert_all_there()
    rows = environment.sql("SELECT id, item, quantity, status FROM orders")
    compare_with_rows(orders.journal, rows).assert_all_there()
    twice = environment.sql("SELECT order_id FROM order_events WHERE event = 'processed' GROUP BY order_id HAVING COUNT(*) <> 1")
    assert twice == []


@pytest.mark.parametrize(
    "victim",
    ["api-gateway", "database", *(pytest.param(name, marks=pytest.mark.long) for name in ("order-processor", "localstack", "edge"))],
)
def test_kill_under_load_loses_no_acknowledged_order(victim: str, both_colours: DeployedEnvironment, tmp_path: Path) -> None:
    blue = TEST.colour("blue")
    container = {"database": TEST.server("mariadb").container, "edge": TEST.edge_container}.get(victim) or blue.container(victim)
    with OrdersUnderWay(both_colours, tmp_path / "journal") as orders:
        process = host_process(container)
        os.kill(process, signal.SIGKILL)
        eventually(lambda: is_healthy(container, process), f"{container} is healthy again by itself")
        orders.await_further(40)
    prove(both_colours, orders)


@pytest.mark.long
def test_acknowledged_orders_outlive_their_colour_and_its_emulator(both_colours: DeployedEnvironment, tmp_path: Path) -> None:
    """Blue takes orders, hands traffic to green under load, is killed as a whole and removed; green's customers read every order."""
    green = TEST.colour("green")
    with OrdersUnderWay(both_colours, tmp_path / "journal") as orders:
        both_colours.promote()
        orders.await_further(40)
        both_colours.run("cleanup")
        orders.await_further(40)
    prove(both_colours, orders)
    left = subprocess.check_output(["docker", "ps", "-aq", "--filter", f"label=com.docker.compose.project={TEST.colour('blue').project}"])
    assert left == b""
    assert is_healthy(green.container("api-gateway"), since=0)
