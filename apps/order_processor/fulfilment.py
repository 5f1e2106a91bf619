"""One order is handled: exactly once, whoever asks for it and however often."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto

from sqlalchemy import Connection, insert, select, update

from orders import utc
from orders.database import Database
from orders.envelope import Unreadable
from orders.notes import Notes
from orders.status import Status
from orders.tables import order_events, orders, outbox

log = logging.getLogger("order_processor")

_FIRST_PAUSE = timedelta(seconds=1)


class Result(Enum):
    PROCESSED = auto()
    FAILED = auto()
    # It will be tried again later.
    POSTPONED = auto()
    # Finished before, unknown, or the other colour's.
    NOT_OURS = auto()


@dataclass(frozen=True)
class Task:
    """An unfinished order of this colour; its rows are locked."""

    row_id: int
    order_id: str
    note: bytes | None
    failures: int


class Fulfilment:
    def __init__(self, database: Database, notes: Notes, colour: str, most_failures: int) -> None:
        self._database = database
        self._notes = notes
        self._colour = colour
        self._most_failures = most_failures

    def handle(self, order_id: str) -> Result:
        return self._database.transaction(lambda connection: self._handle(connection, order_id))

    def _handle(self, connection: Connection, order_id: str) -> Result:
        task = self._lock(connection, order_id)
        if task is None:
            return Result.NOT_OURS
        try:
            self._fulfil(task)
        except Unreadable as error:
            return self._failed(connection, task, error)
        self._finish(connection, task, Status.PROCESSED)
        return Result.PROCESSED

    def _lock(self, connection: Connection, order_id: str) -> Task | None:
        """The row decides, not the message: it may have been handed to the other colour since."""
        row = connection.execute(
            select(outbox.c.id, outbox.c.order_id, outbox.c.colour, outbox.c.finished_at, outbox.c.failures, orders.c.note)
            .join(orders, orders.c.id == outbox.c.order_id)
            .where(outbox.c.order_id == order_id)
            .with_for_update()
        ).first()
        if row is None or row.finished_at is not None or row.colour != self._colour:
            return None
        return Task(row.id, row.order_id, row.note, row.failures)

    def _fulfil(self, task: Task) -> None:
        """Whoever packs the order needs its note."""
        if task.note is not None:
            self._notes.open(task.note, task.order_id)

    def _failed(self, connection: Connection, task: Task, error: Unreadable) -> Result:
        failures = task.failures + 1
        log.warning("order %s: attempt %d of %d failed: %s", task.order_id, failures, self._most_failures, error)
        if failures >= self._most_failures:
            self._finish(connection, task, Status.FAILED)
            return Result.FAILED
        # The sweep sends it again then.
        again_at = utc.now() + _FIRST_PAUSE * 2**task.failures
        connection.execute(update(outbox).where(outbox.c.id == task.row_id).values(failures=failures, leased_until=again_at))
        return Result.POSTPONED

    def _finish(self, connection: Connection, task: Task, status: Status) -> None:
        moment = utc.now()
        processed_at = moment if status is Status.PROCESSED else None
        connection.execute(insert(order_events).values(order_id=task.order_id, event=status, colour=self._colour, at=moment))
        connection.execute(update(orders).where(orders.c.id == task.order_id).values(status=status, processed_at=processed_at))
        connection.execute(update(outbox).where(outbox.c.id == task.row_id).values(finished_at=moment))
