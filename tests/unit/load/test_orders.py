"""The order mode before a shop whose answers come badly, and before one that breaks its promises."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from unit.load.flaky_shop import FlakyShop

from counting_client.client import run_in_fast_loop
from counting_client.config import Target
from counting_client.order_journal import read_journal
from counting_client.order_proof import OrderProof, prove_orders
from counting_client.orders import OrdersClient, OrdersConfig, OrdersLost, OrdersReport


def run(shop: FlakyShop, journal: Path, deadline: float = 5.0) -> tuple[OrdersReport, OrderProof]:
    async def place_and_prove() -> tuple[OrdersReport, OrderProof]:
        async with shop.open() as url:
            target = Target(url)
            config = OrdersConfig(target, journal, seconds=0.5, orders=100, customers=4, timeout=2, patience=20, replay_every=10)
            report = await OrdersClient(config).count()
            return report, await prove_orders(target, read_journal(journal), deadline)

    return run_in_fast_loop(place_and_prove())


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal"


def test_a_good_shop(journal: Path) -> None:
    report, proof = run(FlakyShop(), journal)
    report.assert_every_order_acknowledged()
    report.attempts.assert_nothing_lost()
    proof.assert_all_there()
    assert proof.acknowledged == report.acknowledged >= 100
    assert report.replayed > 0


@pytest.mark.parametrize("trouble", [{"drop_every": 7}, {"refuse_every": 7}, {"limit_every": 7}, {"drop_every": 5, "refuse_every": 3}])
def test_a_good_customer_gets_every_order_through_bad_answers(trouble: dict[str, int], journal: Path) -> None:
    shop = FlakyShop(**trouble)  # type: ignore[arg-type]
    report, proof = run(shop, journal)
    report.assert_every_order_acknowledged()
    proof.assert_all_there()
    assert report.attempts.lost + report.attempts.server_errors + report.attempts.other_statuses > 0
    assert len(shop.orders) == report.placed


def test_the_client_keeps_its_cookies_and_its_connection(journal: Path) -> None:
    report, _ = run(FlakyShop(), journal)
    assert report.attempts.reopened == 0


def test_a_forgotten_order_is_missing(journal: Path) -> None:
    report, proof = run(FlakyShop(forget_every=10), journal)
    report.assert_every_order_acknowledged()
    assert len(proof.missing) == report.placed // 10
    with pytest.raises(OrdersLost, match="missing"):
        proof.assert_all_there()


def test_an_order_made_twice_is_duplicated(journal: Path) -> None:
    report, proof = run(FlakyShop(double_every=10), journal)
    assert len(proof.duplicated) == report.placed // 10


def test_a_shop_that_ignores_the_key_is_caught_by_the_replay(journal: Path) -> None:
    report, proof = run(FlakyShop(ignore_keys=True), journal)
    assert len(report.doubled) == report.replayed > 0
    assert proof.duplicated
    with pytest.raises(OrdersLost):
        report.assert_every_order_acknowledged()


def test_an_order_that_is_never_processed_is_named_when_the_deadline_comes(journal: Path) -> None:
    report, proof = run(FlakyShop(never_process=True), journal, deadline=0.5)
    assert len(proof.unprocessed) == report.acknowledged


def test_orders_beyond_the_end_of_a_list_are_asked_for_one_by_one(journal: Path) -> None:
    _, proof = run(FlakyShop(list_limit=3), journal)
    proof.assert_all_there()


def test_customers_give_up_when_the_shop_is_gone_for_good(journal: Path) -> None:
    async def place() -> OrdersReport:
        shop = FlakyShop()
        async with shop.open() as url:
            client = OrdersClient(OrdersConfig(Target(url), journal, seconds=0.5, customers=2, timeout=1, patience=0.5))
            running = asyncio.create_task(client.count())
            while not shop.orders:
                await asyncio.sleep(0.01)
            shop.close_for_good()
        return await running

    report = run_in_fast_loop(place())
    assert len(report.given_up) >= 2
    with pytest.raises(OrdersLost, match="given up"):
        report.assert_every_order_acknowledged()
