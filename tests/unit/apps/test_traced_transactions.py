from __future__ import annotations

import pytest

from orders.traced_transactions import describe


@pytest.mark.parametrize(
    ("statement", "summary"),
    [
        ("INSERT INTO orders (id) VALUES (%(id)s)", "INSERT orders"),
        ("insert into `orders` values (?)", "INSERT orders"),
        ("UPDATE outbox SET sent_at=%s", "UPDATE outbox"),
        ("SELECT a, b \nFROM outbox JOIN orders ON 1 = 1", "SELECT outbox"),
        ('DELETE FROM "users" WHERE id = %s', "DELETE users"),
        ("SELECT 1", "SELECT"),
        ("COMMIT", "COMMIT"),
    ],
)
def test_a_statement_is_summed_up_by_its_verb_and_table(statement: str, summary: str) -> None:
    assert describe((statement,))[0] == summary


def test_a_transaction_is_summed_up_by_all_of_its_statements() -> None:
    assert describe(("SELECT a\n  FROM outbox", "UPDATE orders SET a = %s", "UPDATE orders SET b = %s")) == (
        "SELECT outbox, UPDATE orders",
        "SELECT a FROM outbox; UPDATE orders SET a = %s; UPDATE orders SET b = %s",
    )
    assert describe(()) == ("transaction", "")


def test_no_text_is_longer_than_anybody_reads() -> None:
    assert len(describe((f"SELECT {'x, ' * 5000} FROM t",))[1]) == 2000
