"""The schema goes up along both branches and back, and what the code expects is what the migrations make."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pymysql
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, inspect

from integration.backend_fixtures import Backend, empty_backend
from migrations.schema import Schema
from orders.credentials import NoSecrets
from orders.database import Database
from orders.schema_range import VERSION_TABLE, SchemaRevisions
from orders.settings import DatabaseSettings
from orders.tables import metadata

__all__ = ["empty_backend"]

EXPANDED = ["expand_0002"]
CONTRACTED = ["expand_0002", "contract_0001"]


@pytest.fixture
def engine(empty_backend: Backend) -> Engine:
    backend = empty_backend
    settings = DatabaseSettings(
        backend.engine,
        "localhost",
        backend.database_port,
        "orders_db",
        "migrate_user",
        Path(backend.env.path("secrets", "migrate", "db_password")),
        Path(backend.env.path("tls", "ca.crt")),
        "",
    )
    return Database(settings, NoSecrets(), connections=3).engine


def revisions(backend: Backend) -> SchemaRevisions:
    return SchemaRevisions.of(row[0] for row in backend.sql(f"SELECT version_num FROM {VERSION_TABLE}"))


def test_up_and_back(empty_backend: Backend, engine: Engine) -> None:
    backend = empty_backend
    assert backend.migrate("status") == {"before": [], "after": [], "changed": False}
    assert backend.migrate("expand") == {"before": [], "after": EXPANDED, "changed": True}
    assert backend.migrate("expand") == {"before": EXPANDED, "after": EXPANDED, "changed": False}
    assert revisions(backend) == SchemaRevisions("expand_0002", "")

    _an_order_of_the_release_before(backend)
    assert backend.migrate("contract") == {"before": EXPANDED, "after": CONTRACTED, "changed": True}
    assert backend.migrate("contract")["changed"] is False
    assert backend.migrate("status") == {"before": CONTRACTED, "after": CONTRACTED, "changed": False}
    assert revisions(backend) == SchemaRevisions("expand_0002", "contract_0001")
    assert backend.sql("SELECT accepted_by FROM orders") == [("green",)]
    with pytest.raises((pymysql.Error, psycopg.Error), match="accepted_by"):
        backend.sql("UPDATE orders SET accepted_by = NULL")

    schema = Schema(engine)
    assert schema.downgrade("contract").after == EXPANDED
    assert schema.downgrade("expand").after == []
    assert inspect(engine).get_table_names() == [VERSION_TABLE]
    assert backend.migrate("expand")["after"] == EXPANDED


def test_the_code_expects_what_the_migrations_make(empty_backend: Backend, engine: Engine) -> None:
    empty_backend.migrate("expand")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE, "compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_two_at_once_take_turns(empty_backend: Backend, engine: Engine) -> None:
    Schema(engine).downgrade("expand")
    with ThreadPoolExecutor(3) as pool:
        moves = list(pool.map(lambda _: empty_backend.migrate("expand"), range(3)))
    assert sorted(move["changed"] for move in moves) == [False, False, True]


def test_a_half_made_schema_is_completed(empty_backend: Backend, engine: Engine) -> None:
    """MariaDB has no transactions for such statements: a migration that was killed leaves some of its tables."""
    Schema(engine).downgrade("expand")
    empty_backend.migrate("expand")
    empty_backend.sql("DROP TABLE order_events")
    empty_backend.sql("DROP INDEX ix_outbox_colour_finished_at_sent_at" + " ON outbox" * (empty_backend.engine == "mariadb"))
    empty_backend.sql(f"DELETE FROM {VERSION_TABLE}")
    assert empty_backend.migrate("expand")["after"] == EXPANDED
    assert empty_backend.sql("SELECT COUNT(*) FROM order_events") == [(0,)]


def test_a_table_in_use_makes_it_give_way(empty_backend: Backend, engine: Engine) -> None:
    """All statements that come after it would queue behind it."""
    empty_backend.migrate("expand")
    with empty_backend.connect() as reader, reader.cursor() as cursor:
        cursor.execute("START TRANSACTION")
        cursor.execute("SELECT COUNT(*) FROM orders")
        with pytest.raises(AssertionError, match="migrations contract: transactions of others held a table"):
            empty_backend.migrate("contract")
        cursor.execute("ROLLBACK")
    assert empty_backend.migrate("status")["after"] == EXPANDED


def _an_order_of_the_release_before(backend: Backend) -> None:
    user, order = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
    backend.sql("INSERT INTO users VALUES (%s, 'a@example.org', 'x', NOW())", user)
    backend.sql(
        "INSERT INTO orders (id, user_id, item, quantity, status, created_at) VALUES (%s, %s, 'tea', 1, 'accepted', NOW())", order, user
    )
    backend.sql("INSERT INTO outbox (order_id, colour, created_at) VALUES (%s, 'green', NOW())", order)
