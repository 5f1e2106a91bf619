"""What is still to be done with accepted orders: rows of one colour, from acceptance until they are finished."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from opentelemetry import trace
from sqlalchemy import ColumnElement, Connection, func, insert, select, update

from orders import utc
from orders.tables import outbox
from orders.trace_context import text_of


@dataclass(frozen=True)
class Unsent:
    row_id: int
    order_id: str
    trace_context: str | None = None


class Outbox:
    """A lease says until when a message that was sent counts as under way; after that it is sent again."""

    def __init__(self, colour: str) -> None:
        self.colour = colour
        self._open = (outbox.c.colour == colour) & (outbox.c.finished_at.is_(None))
        # Made once: they are asked all the time.
        any_of_them = select(outbox.c.id).where(self._open).limit(1)
        self._any_new = any_of_them.where(outbox.c.sent_at.is_(None))
        self._any_under_way = any_of_them.where(outbox.c.sent_at.is_not(None))

    def add(self, connection: Connection, order_id: str, moment: datetime) -> None:
        row = {"order_id": order_id, "colour": self.colour, "created_at": moment, "trace_context": text_of(trace.get_current_span())}
        connection.execute(insert(outbox), row)

    def unfinished(self, connection: Connection) -> int:
        return connection.scalar(select(func.count()).select_from(outbox).where(self._open)) or 0

    def backlog(self, connection: Connection) -> tuple[int, datetime | None]:
        """How many are unfinished, and when the oldest of them was accepted."""
        count, oldest = connection.execute(select(func.count(), func.min(outbox.c.created_at)).where(self._open)).one()
        return count, oldest

    def has_new(self, connection: Connection) -> bool:
        return connection.scalar(self._any_new) is not None

    def has_under_way(self, connection: Connection) -> bool:
        """Whether there is an order that was sent and is not finished."""
        return connection.scalar(self._any_under_way) is not None

    def under_way(self, connection: Connection) -> int:
        return connection.scalar(select(func.count()).select_from(outbox).where(self._open, outbox.c.sent_at.is_not(None))) or 0

    def claim_new(self, connection: Connection, limit: int, lease: timedelta) -> list[Unsent]:
        return self._claim(connection, outbox.c.sent_at.is_(None), limit, lease)

    def claim_stale(self, connection: Connection, limit: int, lease: timedelta) -> list[Unsent]:
        """Rows that were sent and should have been finished by now: their message is lost, or its handler is."""
        return self._claim(connection, outbox.c.sent_at.is_not(None) & (outbox.c.leased_until < utc.now()), limit, lease)

    def release(self, connection: Connection, rows: Sequence[Unsent]) -> None:
        """Gives back orders whose messages did not go out: they are due at once."""
        self._set(connection, rows, sent_at=None, leased_until=None)

    def hand_over(self, connection: Connection, to: str) -> int:
        """Hands all unfinished orders to the other colour, as if they had just been accepted there."""
        statement = update(outbox).where(self._open).values(colour=to, sent_at=None, leased_until=None)
        return connection.execute(statement).rowcount

    def reopen(self, connection: Connection, order_id: str) -> None:
        """An order that was given up is to be handled after all, by this colour, as if it had just been accepted."""
        given_up = (outbox.c.order_id == order_id) & outbox.c.finished_at.is_not(None)
        anew = {"created_at": utc.now(), "sent_at": None, "leased_until": None, "failures": 0, "finished_at": None}
        connection.execute(update(outbox).where(given_up).values(colour=self.colour, **anew))

    def _claim(self, connection: Connection, condition: ColumnElement[bool], limit: int, lease: timedelta) -> list[Unsent]:
        """Claims rows. Those that another relay is claiming at this moment are passed over."""
        statement = (
            select(outbox.c.id, outbox.c.order_id, outbox.c.trace_context).where(self._open, condition).order_by(outbox.c.id).limit(limit)
        )
        found = connection.execute(statement.with_for_update(skip_locked=True))
        rows = [Unsent(row.id, row.order_id, row.trace_context) for row in found]
        if rows:
            moment = utc.now()
            self._set(connection, rows, sent_at=moment, leased_until=moment + lease)
        return rows

    def _set(self, connection: Connection, rows: Sequence[Unsent], **values: datetime | None) -> None:
        wanted = outbox.c.id.in_([row.row_id for row in rows])
        connection.execute(update(outbox).where(wanted, self._open).values(**values))
