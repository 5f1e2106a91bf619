"""A table with very many orders, and the changes that a migration may make to it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext

import migrations.one_at_a_time  # noqa: F401 - makes Alembic send statements as the migrations do
from harness.backend_fixtures import Backend
from migrations import online
from migrations.backfill import Backfill
from migrations.journal import Journal
from migrations.schema import OWN_TABLES
from migrations.statements import Ran, Statements
from migrations.throttle import Throttle
from migrations.writer import Writer

_COLUMN = sa.String(16)
_FILL = {
    "mariadb": (
        "INSERT INTO orders (id, user_id, item, quantity, status, created_at)"
        " SELECT UUID(), '{user}', CONCAT('item ', seq), 1, 'processed', NOW() FROM seq_1_to_{rows}"
    ),
    "postgresql": (
        "INSERT INTO orders (id, user_id, item, quantity, status, created_at)"
        " SELECT gen_random_uuid(), '{user}', 'item ' || seq, 1, 'processed', NOW() FROM generate_series(1, {rows}) AS seq"
    ),
}


class LargeTable:
    user_id = "11111111-1111-4111-8111-111111111111"

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self._database = backend.migrations_database()

    def close(self) -> None:
        self._database.close()

    def fill(self, rows: int) -> None:
        self.backend.sql("DELETE FROM orders")
        if not self.backend.sql("SELECT 1 FROM users WHERE id = %s", self.user_id):
            self.backend.sql(
                "INSERT INTO users (id, email, password_hash, created_at) VALUES (%s, 'large@example.org', 'x', NOW())", self.user_id
            )
        self.backend.sql(_FILL[self.backend.engine].format(user=self.user_id, rows=rows))

    def change(self) -> list[Ran]:
        """Makes the changes: a column with a default, one that is filled in afterwards, an index, a constraint, and a NOT NULL."""
        engine = self._database.engine
        connect = {"isolation_level": "AUTOCOMMIT"}
        with (
            engine.connect().execution_options(**connect) as connection,
            engine.connect().execution_options(**connect) as notes,
            Writer(engine, OWN_TABLES).at_work() as writer,
        ):
            journal = Journal(notes)
            journal.prepare()
            statements = Statements(connection, journal, 120, writer, "large")
            context = MigrationContext.configure(connection, opts={"statements": statements})
            with Operations.context(context):
                op.add_column("orders", sa.Column("priority", sa.Integer, nullable=False, server_default="1"), if_not_exists=True)
                op.add_column("orders", sa.Column("origin", _COLUMN), if_not_exists=True)
                self._backfill().run(connection, journal, "large", Throttle())
                online.create_index("ix_orders_item", "orders", ["item"])
                online.add_check("ck_orders_quantity", "orders", "quantity > 0")
                # Its new rows have no origin yet; old releases would write none either.
                op.alter_column("orders", "origin", existing_type=_COLUMN, server_default="web")
                self._backfill().run(connection, journal, "large", Throttle())
                online.set_not_null("orders", "origin", _COLUMN, "web")
            return statements.ran

    def missing_values(self) -> int:
        return int(self.backend.sql("SELECT COUNT(*) FROM orders WHERE priority IS NULL OR origin IS NULL")[0][0])

    def number_the_rows(self) -> None:
        with self._database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            context = MigrationContext.configure(connection)
            with Operations.context(context):
                op.execute("ALTER TABLE orders ADD COLUMN number BIGINT AUTO_INCREMENT UNIQUE")

    def _backfill(self) -> Backfill:
        table = sa.table("orders", sa.column("id", sa.Uuid(as_uuid=False)), sa.column("origin", _COLUMN))
        return Backfill(table, "id", table.c.origin.is_(None), {"origin": "shop"})
