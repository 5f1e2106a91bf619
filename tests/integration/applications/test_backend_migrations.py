"""The schema goes up along both branches and back, whoever is in the way or is killed, and what the code expects is what it becomes."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pymysql
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine, event, inspect

from harness.backend_fixtures import Backend, docker, empty_backend
from harness.images_under_test import image_tag
from harness.waiting import eventually
from migrations.journal import JOURNAL_TABLE
from migrations.schema import OWN_TABLES, Schema
from orders.schema_range import VERSION_TABLE, SchemaRevisions
from orders.tables import metadata

pytestmark = pytest.mark.long_on("postgresql")

__all__ = ["empty_backend"]

EXPANDED_BY = ["expand_0001", "expand_0002", "expand_0003", "expand_0004", "expand_0005"]
EXPANDED = ["expand_0005"]
CONTRACTED = ["expand_0005", "contract_0001"]


@pytest.fixture
def engine(empty_backend: Backend) -> Engine:
    return empty_backend.migrations_database().engine


def revisions(backend: Backend) -> SchemaRevisions:
    return SchemaRevisions.of(row[0] for row in backend.sql(f"SELECT version_num FROM {VERSION_TABLE}"))


def differences(connection: Connection) -> list[Any]:
    options = {"version_table": VERSION_TABLE, "compare_type": True, "include_name": lambda name, *_: name != JOURNAL_TABLE}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))


def test_up_and_back(empty_backend: Backend, engine: Engine) -> None:
    backend = empty_backend
    status = backend.migrate("status")
    assert (status["heads"], status["empty"], status["half_done"]) == ([], True, [])
    assert status["pending"] == {"expand": EXPANDED_BY, "contract": [*EXPANDED_BY[:2], "contract_0001"]}
    first = backend.migrate("expand")
    assert (first["before"], first["after"], first["changed"]) == ([], EXPANDED, True)
    assert {one["revision"] for one in first["statements"]} == set(EXPANDED_BY)
    again = backend.migrate("expand")
    assert (again["before"], again["after"], again["changed"], again["statements"]) == (EXPANDED, EXPANDED, False, [])
    assert revisions(backend) == SchemaRevisions("expand_0005", "")

    _an_order_of_the_release_before(backend)
    status = backend.migrate("status")
    assert (status["empty"], status["pending"]) == (False, {"expand": [], "contract": ["contract_0001"]})
    assert status["backfills"] == [{"revision": "contract_0001", "rows_done": 0, "rows_left": 1}]
    contracted = backend.migrate("contract")
    assert (contracted["before"], contracted["after"], contracted["changed"]) == (EXPANDED, CONTRACTED, True)
    assert backend.migrate("contract")["changed"] is False
    assert backend.migrate("status")["heads"] == CONTRACTED
    assert revisions(backend) == SchemaRevisions("expand_0005", "contract_0001")
    assert backend.sql("SELECT accepted_by FROM orders") == [("green",)]
    with pytest.raises((pymysql.Error, psycopg.Error), match="accepted_by"):
        backend.sql("UPDATE orders SET accepted_by = NULL")

    schema = Schema(engine)
    assert schema.downgrade("contract").after == EXPANDED
    assert schema.downgrade("expand").after == []
    assert set(inspect(engine).get_table_names()) == set(OWN_TABLES)
    assert backend.migrate("expand")["after"] == EXPANDED


def test_the_code_expects_what_the_migrations_make(empty_backend: Backend, engine: Engine) -> None:
    empty_backend.migrate("expand")
    with engine.connect() as connection:
        assert differences(connection) == []


COMPOSED, DECOMPOSED = "caf\u00e9@example.org", "cafe\u0301@example.org"


def an_account(backend: Backend, number: int, email: str, day: int = 1) -> str:
    """As a release before the keys stored it."""
    account = f"{number:08d}-0000-4000-8000-000000000000"
    columns = "INSERT INTO users (id, email, password_hash, created_at) VALUES"
    backend.sql(f"{columns} (%s, %s, 'x', '2026-01-{day:02d} 00:00:00')", account, email)
    return account


def test_each_address_gets_its_key_and_who_shares_one_is_named(empty_backend: Backend, engine: Engine) -> None:
    backend, schema = empty_backend, Schema(engine)
    schema.downgrade("expand")
    # What a deployment of the release before has: its contract without the newest expand.
    assert schema.upgrade("contract").after == ["expand_0002", "contract_0001"]
    plain, composed = an_account(backend, 3, "cafe@example.com"), an_account(backend, 2, COMPOSED, day=2)
    alone = an_account(backend, 4, "zoe\u0308@example.org")
    wanted = {plain: "cafe@example.com", composed: COMPOSED, alone: "zo\u00eb@example.org"}
    # MariaDB took the two spellings for one and refused the second.
    twin = an_account(backend, 1, DECOMPOSED) if backend.engine == "postgresql" else ""
    answer = backend.migrate("expand")
    assert answer["state"]["heads"] == CONTRACTED
    keys = dict(backend.sql("SELECT id, email_key FROM users"))
    assert keys == wanted | ({twin: None} if twin else {})
    notices = answer["state"]["notices"]
    assert notices == backend.migrate("status")["notices"]
    assert [notice.startswith(f"accounts {composed} and {twin} have one e-mail address") for notice in notices] == ([True] if twin else [])
    assert "caf" not in str(notices)
    # Once somebody has decided, nothing is left to say.
    backend.sql("UPDATE users SET email = 'other@example.org' WHERE id = %s", twin or alone)
    assert backend.migrate("status")["notices"] == []

    # An account of the release before, added meanwhile, needs no key.
    an_account(backend, 5, "later@example.org")
    assert backend.migrate("status")["notices"] == []
    schema.downgrade("contract")
    schema.downgrade("expand")


def test_two_at_once_take_turns(empty_backend: Backend, engine: Engine) -> None:
    Schema(engine).downgrade("expand")
    with ThreadPoolExecutor(3) as pool:
        moves = list(pool.map(lambda _: empty_backend.migrate("expand"), range(3)))
    assert sorted(move["changed"] for move in moves) == [False, False, True]


def test_a_table_in_use_makes_it_give_way(empty_backend: Backend, engine: Engine) -> None:
    """All statements that come after it would queue behind it."""
    empty_backend.migrate("expand")
    with empty_backend.connect() as reader, reader.cursor() as cursor:
        cursor.execute("START TRANSACTION")
        cursor.execute("SELECT COUNT(*) FROM orders")
        with pytest.raises(AssertionError, match="migrations contract: transactions of others held a table for more than 3 s"):
            empty_backend.migrate("contract", "--patience", "3")
        # Between its tries and after them, others get at the table.
        empty_backend.sql("UPDATE orders SET quantity = 2 WHERE 1 = 0")
        status = empty_backend.migrate("status")
        assert status["heads"] == EXPANDED
        assert [half["revision"] for half in status["half_done"]] == ["contract_0001"]
        assert "ALTER TABLE orders" in status["half_done"][0]["statement"]
        cursor.execute("ROLLBACK")
    assert empty_backend.migrate("contract")["after"] == CONTRACTED
    assert empty_backend.migrate("status")["half_done"] == []
    Schema(engine).downgrade("contract")


def test_it_gets_through_once_the_transaction_in_its_way_has_ended(empty_backend: Backend, engine: Engine) -> None:
    Schema(engine).downgrade("contract")
    empty_backend.migrate("expand")
    with empty_backend.connect() as reader, reader.cursor() as cursor, ThreadPoolExecutor(1) as pool:
        cursor.execute("START TRANSACTION")
        cursor.execute("SELECT COUNT(*) FROM orders")
        move = pool.submit(Schema(engine).upgrade, "contract")
        # It has tried at least once, and others still write.
        eventually(lambda: _half_done(empty_backend), "the contract has begun")
        empty_backend.sql("UPDATE orders SET quantity = 2 WHERE 1 = 0")
        cursor.execute("ROLLBACK")
        assert move.result().after == CONTRACTED
    Schema(engine).downgrade("contract")


def test_killed_from_outside_it_says_what_is_half_done(empty_backend: Backend, engine: Engine) -> None:
    """The container, with SIGKILL, while a statement waits for a table."""
    Schema(engine).downgrade("contract")
    empty_backend.migrate("expand")
    with empty_backend.connect() as reader, reader.cursor() as cursor, ThreadPoolExecutor(1) as pool:
        cursor.execute("START TRANSACTION")
        cursor.execute("SELECT COUNT(*) FROM orders")
        killed = pool.submit(empty_backend.migrate, "contract")
        eventually(lambda: _half_done(empty_backend), "the contract has begun")
        docker(
            "kill",
            *docker(
                "ps", "--quiet", "--filter", f"network={empty_backend.network}", "--filter", f"ancestor={image_tag('backend')}"
            ).split(),
        )
        with pytest.raises(AssertionError):
            killed.result()
        cursor.execute("ROLLBACK")
    assert [half["revision"] for half in empty_backend.migrate("status")["half_done"]] == ["contract_0001"]
    assert empty_backend.migrate("contract")["after"] == CONTRACTED
    Schema(engine).downgrade("contract")


WRITES = ("CREATE", "ALTER", "DROP", "INSERT", "UPDATE", "DELETE")


def _killed_at(backend: Backend, number: int, moment: str, branch: str) -> bool:
    """Runs the branch in a process that kills itself right before or after its n-th writing statement; false if it has fewer."""
    child = os.fork()
    if child == 0:
        engine = backend.migrations_database().engine
        seen = iter(range(1, 1000))

        def count(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
            if statement.lstrip().upper().startswith(WRITES) and next(seen) == number:
                os.kill(os.getpid(), signal.SIGKILL)

        event.listen(engine, f"{moment}_cursor_execute", count)
        try:
            Schema(engine).upgrade(branch)
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


@pytest.mark.parametrize("branch", ["expand", "contract"])
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.long
def test_killed_at_any_statement_it_goes_on_from_there(empty_backend: Backend, engine: Engine, branch: str, moment: str) -> None:
    schema = Schema(engine)
    schema.downgrade("contract")
    wanted = EXPANDED if branch == "expand" else CONTRACTED
    number = 0
    while True:
        schema.downgrade(branch)
        if branch == "contract":
            schema.upgrade("expand")
            _an_order_of_the_release_before(empty_backend)
        number += 1
        if not _killed_at(empty_backend, number, moment, branch):
            break
        state = schema.state()
        if state.heads != wanted:
            assert len(state.half_done) <= 1
        schema.upgrade(branch)
        state = schema.state()
        assert (state.heads, state.half_done) == (wanted, [])
        with engine.connect() as connection:
            assert branch == "contract" or differences(connection) == []
            if branch == "contract":
                assert empty_backend.sql("SELECT accepted_by FROM orders") == [("green",)]
    # As many as there are statements to be killed at.
    assert number > (20 if branch == "expand" else 5)
    schema.downgrade("contract")


def _half_done(backend: Backend) -> Any:
    return backend.sql(f"SELECT revision FROM {JOURNAL_TABLE} WHERE finished_at IS NULL AND statement <> ''")


def _an_order_of_the_release_before(backend: Backend) -> None:
    if backend.sql("SELECT 1 FROM orders"):
        backend.sql("UPDATE orders SET accepted_by = NULL")
        return
    user, order = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
    backend.sql("INSERT INTO users (id, email, password_hash, created_at) VALUES (%s, 'a@example.org', 'x', NOW())", user)
    backend.sql(
        "INSERT INTO orders (id, user_id, item, quantity, status, created_at) VALUES (%s, %s, 'tea', 1, 'accepted', NOW())", order, user
    )
    backend.sql("INSERT INTO outbox (order_id, colour, created_at) VALUES (%s, 'green', NOW())", order)
