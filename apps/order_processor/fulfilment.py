"""Orders are handled: each exactly once, whoever asks for it and however often."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, insert, select, update

from order_processor.forgetter import Forgetter
from order_processor.result import Result
from order_processor.told_orders import Outcome, ToldOutcomes
from orders import utc
from orders.database import Database
from orders.dead_letters import DeadLetters
from orders.envelope import Unreadable
from orders.notes import Notes
from orders.status import Status
from orders.tables import order_events, orders, outbox

_FIRST_PAUSE = timedelta(seconds=1)


@dataclass(frozen=True)
class Task:
    """An unfinished order of this colour; its rows are locked."""

    row_id: int
    order_id: str
    user_id: str
    note: bytes | None
    failures: int
    accepted_at: datetime
    trace_context: str | None


class Fulfilment:
    def __init__(self, database: Database, notes: Notes, colour: str, most_failures: int, forgetter: Forgetter) -> None:
        self._database = database
        self._notes = notes
        self._colour = colour
        self._most_failures = most_failures
        self._letters = DeadLetters(colour)
        self._forgetter = forgetter
        self._told = ToldOutcomes()

    def handle(self, wakeups: Mapping[str, str | None]) -> None:
        """Handles orders, given with the trace contexts of their messages, in one transaction: waiting for the disk is what takes time.

        Each order has its own outcome. Those that were finished before, are unknown, or are the other colour's have none.
        """
        with self._database.watched() as transaction:
            outcomes = self._database.transaction(lambda connection: self._handle(connection, wakeups))
        self._forgetter.forget(outcome.user_id for outcome in outcomes)
        self._told.tell(outcomes, transaction)

    def _handle(self, connection: Connection, wakeups: Mapping[str, str | None]) -> list[Outcome]:
        outcomes: list[tuple[Task, Result, str]] = []
        for task in self._lock(connection, list(wakeups)):
            try:
                self._fulfil(task)
            except Unreadable as error:
                again = task.failures + 1 < self._most_failures
                self._count_failure(connection, task)
                problem = f"attempt {task.failures + 1} of {self._most_failures} failed: {error}"
                outcomes.append((task, Result.POSTPONED if again else Result.FAILED, problem))
            else:
                outcomes.append((task, Result.PROCESSED, ""))
        self._finish(connection, [task for task, result, _ in outcomes if result is Result.PROCESSED], Status.PROCESSED)
        self._finish(connection, [task for task, result, _ in outcomes if result is Result.FAILED], Status.FAILED)
        given_up = {task.order_id: problem for task, result, problem in outcomes if result is Result.FAILED}
        if given_up:
            self._letters.add_orders(connection, given_up, utc.now())
        return [
            Outcome(task.order_id, task.user_id, result, task.accepted_at, wakeups[task.order_id] or task.trace_context, problem)
            for task, result, problem in outcomes
        ]

    def _lock(self, connection: Connection, order_ids: Sequence[str]) -> list[Task]:
        """Locks the orders' rows. They decide, not the messages: an order may have been handed to the other colour since."""
        rows = connection.execute(
            select(
                outbox.c.id,
                outbox.c.order_id,
                outbox.c.failures,
                outbox.c.created_at,
                outbox.c.trace_context,
                orders.c.user_id,
                orders.c.note,
            )
            .join(orders, orders.c.id == outbox.c.order_id)
            .where(outbox.c.order_id.in_(order_ids), outbox.c.colour == self._colour, outbox.c.finished_at.is_(None))
            .order_by(outbox.c.id)
            .with_for_update()
        )
        return [Task(row.id, row.order_id, row.user_id, row.note, row.failures, row.created_at, row.trace_context) for row in rows]

    def _fulfil(self, task: Task) -> None:
        """Fulfils an order. Its note is opened, since whoever packs the order needs it."""
        if task.note is not None:
            self._notes.open(task.note, task.order_id)

    def _count_failure(self, connection: Connection, task: Task) -> None:
        """Counts a failure. The sweep sends the order again when its pause is over."""
        failures = task.failures + 1
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
