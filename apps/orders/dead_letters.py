"""What could not be handled and waits for an operator: one row each, until somebody replays or discards it.

The rows are the record, as the outbox is for orders: a queue for dead letters that is lost, or made anew with an emulator, loses none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, true

from orders import utc
from orders.tables import dead_letters

_LONGEST_REASON = 500
_LONGEST_BODY = 4096
MOST_LISTED = 200


class Kind(StrEnum):
    ORDER = "order"
    MESSAGE = "message"


@dataclass(frozen=True)
class DeadLetter:
    id: str
    kind: Kind
    # Whose processor gave it up.
    colour: str
    reason: str
    body: str | None
    at: datetime

    def as_dict(self) -> dict[str, str]:
        told = {"id": self.id, "kind": self.kind.value, "colour": self.colour, "since": utc.text(self.at), "reason": self.reason}
        return told if self.body is None else told | {"body": self.body}


class DeadLetters:
    def __init__(self, colour: str) -> None:
        self._colour = colour

    def add_orders(self, connection: Connection, reasons: Mapping[str, str], moment: datetime) -> None:
        rows = [self._row(order_id, Kind.ORDER, reason, None, moment) for order_id, reason in reasons.items()]
        connection.execute(insert(dead_letters), rows)

    def add_messages(self, connection: Connection, bodies: Mapping[str, str], reason: str) -> None:
        """Adds messages by their ids. One that is there already came again because its deletion got lost."""
        there = set(connection.scalars(select(dead_letters.c.id).where(dead_letters.c.id.in_(list(bodies)))))
        rows = [self._row(name, Kind.MESSAGE, reason, body, utc.now()) for name, body in bodies.items() if name not in there]
        if rows:
            connection.execute(insert(dead_letters), rows)

    def count(self, connection: Connection) -> int:
        return connection.scalar(select(func.count()).select_from(dead_letters)) or 0

    def oldest(self, connection: Connection) -> list[DeadLetter]:
        return self._select(connection, true(), MOST_LISTED, lock=False)

    def locked(self, connection: Connection, ids: Iterable[str] | None) -> list[DeadLetter]:
        """Gives those that are there, the oldest first; all if none are named. Whoever else wants them waits, and finds them gone."""
        wanted = true() if ids is None else dead_letters.c.id.in_(list(ids))
        return self._select(connection, wanted, None, lock=True)

    def remove(self, connection: Connection, letters: Sequence[DeadLetter]) -> None:
        if letters:
            connection.execute(delete(dead_letters).where(dead_letters.c.id.in_([letter.id for letter in letters])))

    def _select(self, connection: Connection, wanted: ColumnElement[bool], limit: int | None, *, lock: bool) -> list[DeadLetter]:
        statement = select(dead_letters).where(wanted).order_by(dead_letters.c.at, dead_letters.c.id).limit(limit)
        rows = connection.execute(statement.with_for_update() if lock else statement)
        return [DeadLetter(row.id, Kind(row.kind), row.colour, row.reason, row.body, row.at) for row in rows]

    def _row(self, name: str, kind: Kind, reason: str, body: str | None, moment: datetime) -> dict[str, object]:
        # NUL is no text to PostgreSQL.
        text = None if body is None else body.replace("\0", "\ufffd")[:_LONGEST_BODY]
        return {"id": name, "kind": kind, "colour": self._colour, "reason": reason[:_LONGEST_REASON], "body": text, "at": moment}


def is_id(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
