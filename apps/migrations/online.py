"""Changes of tables that are in use, for revisions: each can be run again, and none keeps a writer of the live release waiting.

On MariaDB every ALTER TABLE and CREATE INDEX carries LOCK=NONE (see one_at_a_time), so that plain operations are online there or refused.
PostgreSQL wants other statements for the same thing: these functions know them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

_INVALID_INDEX = "SELECT 1 FROM pg_index WHERE indexrelid = to_regclass(:name) AND NOT indisvalid"
_CONSTRAINT = "SELECT 1 FROM pg_constraint WHERE conname = :name AND conrelid = to_regclass(:table)"


def create_index(name: str, table: str, columns: Sequence[str], unique: bool = False) -> None:
    if _is_postgresql():
        # An attempt that was broken off left this index; it costs every write and helps no read.
        if _finds(_INVALID_INDEX, name=name):
            op.drop_index(name, table, if_exists=True, postgresql_concurrently=True)
        op.create_index(name, table, columns, unique=unique, if_not_exists=True, postgresql_concurrently=True)
    else:
        op.create_index(name, table, columns, unique=unique, if_not_exists=True)


def drop_index(name: str, table: str) -> None:
    op.drop_index(name, table, if_exists=True, postgresql_concurrently=True)


def add_check(name: str, table: str, condition: str) -> None:
    """New rows must meet it at once; those that are there are looked through while they are read and written."""
    if not _is_postgresql():
        op.execute(f"ALTER TABLE {table} ADD CONSTRAINT IF NOT EXISTS {name} CHECK ({condition})")
        return
    if not _finds(_CONSTRAINT, name=name, table=table):
        op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({condition}) NOT VALID")
    op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}")


def set_not_null(table: str, column: str, column_type: sa.types.TypeEngine[Any], default: str | None = None) -> None:
    """`default` is the one that the column has: MariaDB forgets what is not said again."""
    if not _is_postgresql():
        op.alter_column(table, column, existing_type=column_type, existing_server_default=default, nullable=False)
        return
    # A valid check spares SET NOT NULL its look at every row, which would keep everybody out.
    check = f"nn_{table}_{column}"
    add_check(check, table, f"{column} IS NOT NULL")
    op.alter_column(table, column, existing_type=column_type, nullable=False)
    op.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {check}")


def _is_postgresql() -> bool:
    return op.get_context().dialect.name == "postgresql"


def _finds(question: str, **values: str) -> bool:
    """Asks whether the query finds a row; no where only SQL is printed, without a database."""
    if op.get_context().as_sql:
        return False
    return op.get_bind().scalar(sa.text(question), values) is not None
