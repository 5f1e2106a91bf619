from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from counting_client.order_journal import AcknowledgedOrder, Customer, OrderJournal, read_journal
from counting_client.order_proof import compare, compare_with_rows
from counting_client.orders import OrdersLost

CUSTOMER = Customer("a@example.com", "secret")
ORDERS = [AcknowledgedOrder(f"id-{number}", f"key-{number}", f"item key-{number}", number, CUSTOMER.email) for number in range(1, 4)]
ROWS = [[order.id, order.item, str(order.quantity), "processed"] for order in ORDERS]


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    async def write() -> None:
        journal = OrderJournal(tmp_path / "journal")
        await asyncio.gather(journal.record(CUSTOMER), *(journal.record(order) for order in ORDERS))
        journal.close()

    asyncio.run(write())
    return tmp_path / "journal"


def test_the_journal_is_read_back_and_private(journal: Path) -> None:
    contents = read_journal(journal)
    assert (contents.customers, contents.orders) == ([CUSTOMER], ORDERS)
    assert journal.stat().st_mode & 0o777 == 0o600


def test_a_line_cut_short_by_a_kill_is_left_out(journal: Path) -> None:
    whole = journal.read_bytes()
    journal.write_bytes(whole[:-10])
    assert read_journal(journal).orders == ORDERS[:-1]


def test_all_there(journal: Path) -> None:
    compare_with_rows(journal, ROWS).assert_all_there()


def test_each_kind_of_problem_is_named(journal: Path) -> None:
    missing, doubled, changed = ROWS
    rows = [doubled, ["id-9", *doubled[1:]], [changed[0], changed[1], "99", "accepted"]]
    proof = compare_with_rows(journal, rows)
    assert proof.missing == [missing[0]]
    assert proof.duplicated == [doubled[0]]
    assert proof.changed == [changed[0]]
    assert proof.unprocessed == [changed[0]]
    with pytest.raises(OrdersLost, match=r"missing +1  id-1"):
        proof.assert_all_there()


def test_no_order_at_all_proves_nothing() -> None:
    with pytest.raises(OrdersLost):
        compare([], []).assert_all_there()
