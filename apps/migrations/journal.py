"""How far each revision got, kept in the database itself: a migration that was killed says there where it stopped."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from orders import utc
from orders.utc import UtcDateTime

JOURNAL_TABLE = "migration_steps"
_LONGEST_STATEMENT = 2000

_steps = sa.Table(
    JOURNAL_TABLE,
    sa.MetaData(),
    sa.Column("revision", sa.String(64), primary_key=True),
    sa.Column("started_at", UtcDateTime, nullable=False),
    sa.Column("finished_at", UtcDateTime),
    # Statements that are done, and the one that was sent last.
    sa.Column("statements", sa.Integer, nullable=False),
    sa.Column("statement", sa.Text, nullable=False),
    # How far its backfill is: the key it came to, and the rows it filled.
    sa.Column("position", sa.String(64), nullable=False),
    sa.Column("rows_done", sa.BigInteger, nullable=False),
)


@dataclass(frozen=True)
class Progress:
    """How far a backfill is."""

    position: str = ""
    rows_done: int = 0


@dataclass(frozen=True)
class HalfDone:
    """A revision that was begun and has not ended: whoever ran it was killed, or it failed."""

    revision: str
    since: str
    statements: int
    statement: str

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class Journal:
    """`connection` commits each statement; it is none of those that migrate, so a journal line outlives whatever they do."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def prepare(self) -> None:
        self._connection.execute(sa.schema.CreateTable(_steps, if_not_exists=True))

    def begin(self, revision: str) -> None:
        """What an earlier attempt wrote down stays: the backfill goes on from there."""
        values = {"started_at": utc.now(), "finished_at": None, "statements": 0, "statement": ""}
        if not self._set(revision, **values):
            self._connection.execute(_steps.insert().values(revision=revision, position="", rows_done=0, **values))

    def sending(self, revision: str, done: int, statement: str) -> None:
        self._set(revision, statements=done, statement=statement[:_LONGEST_STATEMENT])

    def finish(self, revision: str, done: int) -> None:
        self._set(revision, finished_at=utc.now(), statements=done, statement="")

    def forget(self, revision: str) -> None:
        """Removes a revision that was taken back."""
        if self._is_there:
            self._connection.execute(_steps.delete().where(_steps.c.revision == revision))

    def progress(self, revision: str) -> Progress:
        columns = (_steps.c.position, _steps.c.rows_done)
        row = self._connection.execute(sa.select(*columns).where(_steps.c.revision == revision)).first() if self._is_there else None
        return Progress(*row) if row else Progress()

    def record(self, revision: str, progress: Progress) -> None:
        if not self._set(revision, **asdict(progress)):
            values = asdict(progress) | {"statements": 0, "statement": ""}
            # This is a backfill ahead of its revision, of which nothing else has begun.
            self._connection.execute(_steps.insert().values(revision=revision, started_at=utc.now(), finished_at=utc.now(), **values))

    def half_done(self, applied: Collection[str]) -> list[HalfDone]:
        if not self._is_there:
            return []
        rows = self._connection.execute(sa.select(_steps).where(_steps.c.finished_at.is_(None)).order_by(_steps.c.started_at))
        return [
            HalfDone(row.revision, utc.text(row.started_at), row.statements, row.statement) for row in rows if row.revision not in applied
        ]

    @property
    def _is_there(self) -> bool:
        return sa.inspect(self._connection).has_table(JOURNAL_TABLE)

    def _set(self, revision: str, **values: Any) -> bool:
        found = self._connection.scalar(sa.select(sa.literal(1)).where(_steps.c.revision == revision))
        if found:
            self._connection.execute(_steps.update().where(_steps.c.revision == revision).values(**values))
        return bool(found)
