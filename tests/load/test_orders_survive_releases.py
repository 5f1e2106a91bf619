"""Whole orders through the deployed system while releases go back and forth: none is lost, none is doubled, all are processed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.nginx_routes import NginxRoutes
from counting_client import Committed, OrdersClient, OrdersConfig, Target, compare_with_rows, every, verify_orders
from environment_under_test import TEST
from run_results import Results

pytestmark = pytest.mark.load

ORDERS = 3_000
SWITCHES = 4


class Deployed(Protocol):
    """What this test needs of the fixture."""

    base_url: str
    ca_file: str
    promote: Callable[[], object]
    rollback: Callable[[], object]

    def sql(self, statement: str) -> list[list[str]]: ...


def test_orders_survive_releases(both_colours: Deployed, tmp_path: Path, results: Results) -> None:
    journal = tmp_path / "acknowledged"
    target = Target(both_colours.base_url, both_colours.ca_file)

    def serving() -> dict[str, int]:
        return NginxRoutes(TEST.path("routes")).current().weights.as_dict()

    def switch(release: Callable[[], object]) -> Callable[[], Committed]:
        def act() -> Committed:
            release()
            return Committed(serving())

        return act

    plan = every(8.0, [switch(both_colours.promote), switch(both_colours.rollback)], SWITCHES)
    # The run goes on until the last switch is over and there were enough orders.
    client = OrdersClient(OrdersConfig(target, journal, seconds=40, orders=ORDERS, customers=16, rate=70, weights=serving()), plan)
    report = client.run()
    results.keep(report)

    report.assert_every_order_acknowledged()
    report.attempts.assert_nothing_lost()
    assert len(report.attempts.switches) == SWITCHES
    assert report.acknowledged >= ORDERS
    assert min(report.attempts.by_colour[colour] for colour in ("blue", "green")) > 0

    proof = verify_orders(target, journal, deadline=120)
    proof.assert_all_there()
    assert proof.acknowledged == report.acknowledged
    compare_with_rows(
        journal, both_colours.sql("SELECT id, item, quantity, status FROM orders WHERE item LIKE 'item %'")
    ).assert_all_there()
