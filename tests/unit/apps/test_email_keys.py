"""Which account gets which key, on a small database in memory; test_backend_migrations.py asks both engines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, insert, select

from migrations import email_keys
from migrations.throttle import Throttle
from orders.tables import users

COMPOSED, DECOMPOSED = "caf\u00e9@example.org", "cafe\u0301@example.org"


class OneByOne(Throttle):
    """The batches do not grow."""

    def rest(self, worked: float) -> None:
        pass


@pytest.fixture
def connection() -> Iterator[Connection]:
    engine = create_engine("sqlite://", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        users.create(connection)
        yield connection


def account(connection: Connection, number: int, email: str, day: int = 1, key: str | None = None) -> str:
    account_id = f"{number:08d}-0000-4000-8000-000000000000"
    values = {"id": account_id, "email": email, "email_key": key, "password_hash": "x", "created_at": datetime(2026, 1, day, tzinfo=UTC)}
    connection.execute(insert(users).values(values))
    return account_id


def keys(connection: Connection) -> dict[str, str | None]:
    return {row.id: row.email_key for row in connection.execute(select(users.c.id, users.c.email_key))}


def test_each_account_gets_the_key_of_its_address_in_batches(connection: Connection) -> None:
    wanted = {account(connection, number, f"{number}@example.org"): f"{number}@example.org" for number in range(7)}
    wanted[account(connection, 7, DECOMPOSED)] = COMPOSED
    email_keys.fill(connection, Throttle(batch=3))
    assert keys(connection) == wanted
    assert email_keys.collisions(connection) == []


@pytest.mark.parametrize("composed_came", [1, 3])
def test_who_spells_the_address_in_its_normal_form_keeps_it(connection: Connection, composed_came: int) -> None:
    other, owner = account(connection, 1, DECOMPOSED, day=2), account(connection, 2, COMPOSED, day=composed_came)
    email_keys.fill(connection, Throttle())
    assert keys(connection) == {owner: COMPOSED, other: None}
    (notice,) = email_keys.collisions(connection)
    assert notice.startswith(f"accounts {owner} and {other} have one e-mail address in two spellings")
    assert "example.org" not in notice


def test_else_who_came_first_keeps_it(connection: Connection) -> None:
    late, early = account(connection, 1, "A\u030a\u0301@example.org", day=2), account(connection, 2, "\u212b\u0301@example.org", day=1)
    email_keys.fill(connection, Throttle())
    assert keys(connection) == {early: "\u01fb@example.org", late: None}


def test_one_whose_key_is_gone_costs_the_others_of_its_batch_nothing(connection: Connection) -> None:
    """As after a rollback, when the release before has added the normal form behind another spelling."""
    holder, late, other = (
        account(connection, 1, DECOMPOSED, key=COMPOSED),
        account(connection, 2, COMPOSED),
        account(connection, 3, "a@b.c"),
    )
    email_keys.fill(connection, Throttle())
    assert keys(connection) == {holder: COMPOSED, late: None, other: "a@b.c"}
    assert len(email_keys.collisions(connection)) == 1


@pytest.mark.parametrize("done_before", range(5))
def test_broken_off_anywhere_it_goes_on_where_it_was(connection: Connection, monkeypatch: pytest.MonkeyPatch, done_before: int) -> None:
    wanted = {account(connection, number, f"{number}@example.org"): f"{number}@example.org" for number in range(4)}
    wanted[account(connection, 4, DECOMPOSED)] = COMPOSED
    give, left = email_keys._set, iter(range(done_before))

    def give_some(connection: Connection, accounts: Sequence[str], key: Any) -> None:
        if accounts and next(left, None) is None:
            raise KeyboardInterrupt
        give(connection, accounts, key)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(email_keys, "_set", give_some)
        email_keys.fill(connection, OneByOne(batch=1))
    assert list(keys(connection).values()).count(None) == 5 - done_before
    email_keys.fill(connection, OneByOne(batch=1))
    assert keys(connection) == wanted
