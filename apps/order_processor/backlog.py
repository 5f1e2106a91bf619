"""How much is still to be done, measured now and then: in the outbox, which is the record, and in the queue."""

from __future__ import annotations

from opentelemetry import metrics

from order_processor.order_queue import OrderQueue
from orders import utc
from orders.database import Database
from orders.dead_letters import DeadLetters
from orders.outbox import Outbox


class Backlog:
    """What was not measured yet has no value: a zero would say that all is well."""

    def __init__(self, database: Database, outbox: Outbox, letters: DeadLetters, queue: OrderQueue) -> None:
        self._database = database
        self._outbox = outbox
        self._letters = letters
        self._queue = queue
        meter = metrics.get_meter("order_processor")
        self._unfinished = meter.create_gauge("echobase.outbox.unfinished", "{order}", "Accepted orders that are not finished.")
        self._oldest = meter.create_gauge("echobase.outbox.oldest_age", "s", "Since when the oldest of them waits.")
        self._dead = meter.create_gauge("echobase.dead_letters", "{letter}", "Letters of the environment that wait for an operator.")
        self._waiting = meter.create_gauge("echobase.queue.depth", "{message}", "Messages that wait in the queue.")
        self._in_flight = meter.create_gauge("echobase.queue.in_flight", "{message}", "Messages that were received and are not finished.")

    def measure(self) -> int:
        """There is always a rest afterwards: nothing is done that would be worth another turn at once."""
        count, oldest = self._database.transaction(self._outbox.backlog)
        self._unfinished.set(count)
        self._oldest.set(max(0.0, (utc.now() - oldest).total_seconds()) if oldest else 0.0)
        self._dead.set(self._database.transaction(self._letters.count))
        lengths = self._queue.lengths()
        self._waiting.set(lengths.waiting)
        self._in_flight.set(lengths.in_flight)
        return 0
