"""Fills a new column of old rows in small batches, so that no running release waits for it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Connection

from migrations.journal import Journal, Progress
from migrations.statements import Statements
from migrations.throttle import Throttle


@dataclass(frozen=True)
class Backfill:
    """`key` is the table's primary key, of one column; `missing` says which rows lack a value, `values` what they get."""

    table: sa.TableClause
    key: str
    missing: sa.ColumnElement[bool]
    values: Mapping[str, Any]

    def run(self, connection: Connection, journal: Journal, revision: str, throttle: Throttle) -> int:
        """The rows it filled: all that lacked a value when it began. It goes on where it was broken off.

        What a release that does not know the column adds meanwhile is left: it would never end.
        """
        progress = journal.progress(revision)
        before = progress.rows_done
        if progress.position:
            # This is the rest of the pass that was broken off. Rows that came since may lie behind it, so another pass follows.
            progress = self._pass(connection, journal, revision, throttle, progress)
        return self._pass(connection, journal, revision, throttle, progress).rows_done - before

    def _pass(self, connection: Connection, journal: Journal, revision: str, throttle: Throttle, progress: Progress) -> Progress:
        while keys := self._next_keys(connection, progress.position, throttle.batch):
            began = time.monotonic()
            filled = connection.execute(self._fill(keys)).rowcount
            progress = Progress(str(keys[-1]), progress.rows_done + filled)
            journal.record(revision, progress)
            throttle.rest(time.monotonic() - began)
        progress = Progress("", progress.rows_done)
        journal.record(revision, progress)
        return progress

    def remaining(self, connection: Connection) -> int:
        return int(connection.scalar(sa.select(sa.func.count()).select_from(self.table).where(self.missing)) or 0)

    def sql(self, dialect: sa.Dialect, batch: int) -> str:
        """What a batch does, for somebody who wants to read it beforehand."""
        statement = sa.update(self.table).where(self.missing).values(self.values)
        text = statement.compile(dialect=dialect, compile_kwargs={"literal_binds": True})
        return f"-- In batches of about {batch} rows, until none is left:\n{text}"

    def _next_keys(self, connection: Connection, position: str, limit: int) -> list[Any]:
        key = self.table.c[self.key]
        statement = sa.select(key).where(self.missing).order_by(key).limit(limit)
        return list(connection.scalars(statement.where(key > position) if position else statement))

    def _fill(self, keys: list[Any]) -> sa.Update:
        # The condition is asked again, since the release may have written the value meanwhile.
        return sa.update(self.table).where(self.table.c[self.key].in_(keys), self.missing).values(self.values)


def complete(backfill: Backfill) -> None:
    """For a revision: from here on no row lacks the value."""
    context = op.get_context()
    if context.as_sql:
        context.impl.static_output(backfill.sql(context.dialect, Throttle().batch) + ";")
        return
    statements: Statements = context.opts["statements"]
    backfill.run(op.get_bind(), statements.journal, statements.revision, context.opts["throttle"])
