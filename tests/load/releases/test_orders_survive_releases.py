"""Whole orders through the deployed system while releases go back and forth: none is lost, none is doubled, all are processed."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import docker
import pytest

from ansible_collections.echobase.platform.plugins.module_utils.traffic.nginx_routes import NginxRoutes
from counting_client import Committed, OrdersClient, OrdersConfig, Target, compare_with_rows, every, verify_orders
from harness.environment_under_test import TEST
from run_results import Results

pytestmark = pytest.mark.load

# Customers who come back after a minute, on the connection that they left.
LONG_PAUSE = 65.0
IDLERS = 8


class Deployed(Protocol):
    """What this test needs of the fixture."""

    base_url: str
    ca_file: str
    promote: Callable[[], object]
    rollback: Callable[[], object]

    def sql(self, statement: str) -> list[list[str]]: ...


@pytest.mark.parametrize(("switches", "orders"), [(6, 1_000), pytest.param(20, 3_000, marks=pytest.mark.long)])
def test_orders_survive_releases(both_colours: Deployed, tmp_path: Path, results: Results, switches: int, orders: int) -> None:
    target = Target(both_colours.base_url, both_colours.ca_file)

    def serving() -> dict[str, int]:
        return NginxRoutes(TEST.path("routes")).current().weights.as_dict()

    def switch(release: Callable[[], object]) -> Callable[[], Committed]:
        def act() -> Committed:
            release()
            return Committed(serving())

        return act

    plan = every(4.0, [switch(both_colours.promote), switch(both_colours.rollback)], switches)
    # Registering and logging in is slow on purpose: hence the long timeout.
    # The run goes on until the last switch is over and there were enough orders.
    busy = OrdersConfig(target, tmp_path / "busy", seconds=80, orders=orders, customers=12, rate=40, timeout=60, weights=serving())
    idle = OrdersConfig(target, tmp_path / "idle", seconds=80, customers=IDLERS, rate=IDLERS / LONG_PAUSE, timeout=60)
    with ThreadPoolExecutor() as pool:
        idling = pool.submit(OrdersClient(idle).run)
        report = OrdersClient(busy, plan).run()
        idlers = idling.result()
    results.keep(report.attempts)

    for one in (report, idlers):
        print(one.table())
        one.assert_every_order_acknowledged()
        one.attempts.assert_nothing_lost()
    assert len(report.attempts.switches) == switches
    assert report.acknowledged >= orders
    assert idlers.acknowledged > IDLERS
    assert min(report.attempts.by_colour[colour] for colour in ("blue", "green")) > 0

    for config in (busy, idle):
        verify_orders(target, config.journal, deadline=120).assert_all_there()
    rows = both_colours.sql("SELECT id, item, quantity, status FROM orders")
    for config in (busy, idle):
        compare_with_rows(config.journal, rows).assert_all_there()


@pytest.mark.long
def test_ten_thousand_orders_are_ten_thousand_rows_however_often_the_processor_is_killed(both_colours: Deployed, tmp_path: Path) -> None:
    target = Target(both_colours.base_url, both_colours.ca_file)
    weights = NginxRoutes(TEST.path("routes")).current().weights.as_dict()
    processors = [docker.from_env().containers.get(colour.container("order-processor")) for colour in TEST.colours.values()]

    def kill() -> Committed:
        for processor in processors:
            processor.kill()
            processor.start()
        return Committed(weights)

    config = OrdersConfig(target, tmp_path / "orders", seconds=60, orders=10_000, customers=24, timeout=60, weights=weights)
    report = OrdersClient(config, every(3.0, [kill], 20)).run()
    print(report.table())
    report.assert_every_order_acknowledged()
    report.attempts.assert_nothing_lost()
    assert report.acknowledged >= 10_000
    verify_orders(target, config.journal, deadline=300).assert_all_there()
    compare_with_rows(config.journal, both_colours.sql("SELECT id, item, quantity, status FROM orders")).assert_all_there()
