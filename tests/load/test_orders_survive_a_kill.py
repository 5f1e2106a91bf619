"""Whole orders to the real application while its processor and its database are killed: no promise is broken."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from integration.backend_fixtures import Backend, ColourUnderTest, docker, running_backend
from run_results import Results

from counting_client import Committed, OrdersClient, OrdersConfig, PlannedSwitch, Target, compare_with_rows, verify_orders

pytestmark = pytest.mark.load


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[Backend]:
    with running_backend(tmp_path) as started:
        started.migrate("expand")
        yield started


@pytest.fixture
def blue(backend: Backend) -> ColourUnderTest:
    colour = backend.colour("blue")
    colour.start()
    return colour


def test_orders_survive_a_kill(backend: Backend, blue: ColourUnderTest, tmp_path: Path, results: Results) -> None:
    journal = tmp_path / "acknowledged"

    def kill_database() -> Committed:
        backend.mariadb.kill()
        return Committed({"blue": 100})

    def kill_processor() -> Committed:
        blue.processor.kill()
        return Committed({"blue": 100})

    target = Target(blue.url, backend.env.path("tls", "ca.crt"))
    plan = [PlannedSwitch(2.0, kill_processor), PlannedSwitch(4.0, kill_database)]
    report = OrdersClient(OrdersConfig(target, journal, seconds=8, orders=300, customers=8, rate=80, weights={"blue": 100}), plan).run()
    results.keep(report)

    report.assert_every_order_acknowledged()
    assert report.attempts.failed_switches == 0
    assert all(docker("inspect", "-f", "{{.RestartCount}}", killed.name) != "0" for killed in (blue.processor, backend.mariadb))

    proof = verify_orders(target, journal, deadline=60)
    proof.assert_all_there()
    assert proof.acknowledged == report.acknowledged
    compare_with_rows(journal, backend.sql("SELECT id, item, quantity, status FROM orders")).assert_all_there()
