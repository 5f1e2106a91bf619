"""Orders are handled: each exactly once, whoever asks for it and however often."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
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
    # The order was finished before, is unknown, or is the other colour's.
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

    def handle(self, order_ids: Sequence[str]) -> Counter[Result]:
        """Handles orders in one transaction, since waiting for the disk is what takes time; each order has its own outcome."""
        return self._database.transaction(lambda connection: self._handle(connection, set(order_ids)))

    def _handle(self, connection: Connection, order_ids: set[str]) -> Counter[Result]:
        tasks = self._lock(connection, order_ids)
        results = Counter({Result.NOT_OURS: len(order_ids) - len(tasks)})
        processed: list[Task] = []
        failed: list[Task] = []
        for task in tasks:
            try:
                self._fulfil(task)
            except Unreadable as error:
                self._count_failure(connection, task, error)
                failed += [task] if task.failures + 1 >= self._most_failures else []
                results[Result.POSTPONED] += task not in failed
            else:
                processed.append(task)
        self._finish(connection, processed, Status.PROCESSED)
        self._finish(connection, failed, Status.FAILED)
        return +(results + Counter({Result.PROCESSED: len(processed), Result.FAILED: len(failed)}))

    def _lock(self, connection: Connection, order_ids: set[str]) -> list[Task]:
        """Locks the orders' rows. They decide, not the messages: an order may have been handed to the other colour since."""
        rows = connection.execute(
            select(outbox.c.id, outbox.c.order_id, outbox.c.failures, orders.c.note)
            .join(orders, orders.c.id == outbox.c.order_id)
            .where(outbox.c.order_id.in_(order_ids), outbox.c.colour == self._colour, outbox.c.finished_at.is_(None))
            .order_by(outbox.c.id)
            .with_for_update()
        )
        return [Task(row.id, row.order_id, row.note, row.failures) for row in rows]

    def _fulfil(self, task: Task) -> None:
        """Fulfils an order. Its note is opened, since whoever packs the order needs it."""
        if task.note is not None:
            self._notes.open(task.note, task.order_id)

    def _count_failure(self, connection: Connection, task: Task, error: Unreadable) -> None:
        """Counts a failure. The sweep sends the order again when its pause is over."""
        failures = task.failures + 1
        log.warning("order %s: attempt %d of %d failed: %s", task.order_id, failures, self._most_failures, error)
        again_at = utc.now() + _FIRST_PAUSE * 2**task.failures
        connection.execute(update(outbox).where(outbox.c.id == task.row_id).values(failures=failures, leased_until=again_at))

    def _finish(self, connection: Connection, tasks: Sequence[Task], status: Status) -> None:
        if not tasks:
            return
        moment = utc.now()
        processed_at = moment if status is Status.PROCESSED else None
        order_ids = [task.order_id for task in tasks]
        events = [{"order_id": order_id, "event": status, "colour": self._colour, "at": moment} for order_id in order_ids]
        connection.execute(insert(order_events), events)
        connection.execute(update(orders).where(orders.c.id.in_(order_ids)).values(status=status, processed_at=processed_at))
        connection.execute(update(outbox).where(outbox.c.order_id.in_(order_ids)).values(finished_at=moment))
