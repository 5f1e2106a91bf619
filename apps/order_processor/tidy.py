"""Deletes what has expired: idempotency keys, sessions, and failures of logins. A few rows at a time, so that nobody waits for it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, Table, delete, select, tuple_

from orders import utc
from orders.database import Database
from orders.tables import idempotency_keys, login_failures, sessions

BATCH = 200
# The gateway decides whether a key still counts; the sweep never comes before it.
_LATER = timedelta(minutes=1)
# No lock of an address lasts as long.
_FAILURES_KEPT = timedelta(days=1)


class Tidy:
    def __init__(self, database: Database, keys_count_for: timedelta, collect: Callable[[], int]) -> None:
        self._database = database
        self._keys_count_for = keys_count_for
        self._collect = collect

    def tidy(self) -> int:
        """Returns how much it did if there may be more, so that it goes on at once."""
        now = utc.now()
        expired = {
            idempotency_keys: idempotency_keys.c.created_at < now - self._keys_count_for - _LATER,
            sessions: sessions.c.expires_at < now - _LATER,
            login_failures: _forgettable(now),
        }
        deleted = [self._delete(table, condition) for table, condition in expired.items()]
        collected = self._collect()
        return sum(deleted) + collected if BATCH in deleted or collected else 0

    def _delete(self, table: Table, condition: ColumnElement[bool]) -> int:
        def work(connection: Connection) -> int:
            key = tuple_(*table.primary_key.columns)
            # What somebody else is at, the other colour's sweep for one, is passed over.
            found = select(*table.primary_key.columns).where(condition).limit(BATCH).with_for_update(skip_locked=True)
            rows = [tuple(row) for row in connection.execute(found)]
            if rows:
                connection.execute(delete(table).where(key.in_(rows)))
            return len(rows)

        return self._database.transaction(work)


def _forgettable(now: datetime) -> ColumnElement[bool]:
    return login_failures.c.last_at < now - _FAILURES_KEPT
