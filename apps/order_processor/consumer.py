"""Takes messages from the colour's queue and has their orders handled."""

from __future__ import annotations

import threading

from order_processor.dead_queue import keep
from order_processor.fulfilment import Fulfilment
from order_processor.order_queue import OrderQueue
from orders.database import Database
from orders.dead_letters import DeadLetters


class Consumer:
    def __init__(self, queue: OrderQueue, fulfilment: Fulfilment, database: Database, letters: DeadLetters) -> None:
        self._queue = queue
        self._fulfilment = fulfilment
        self._database = database
        self._letters = letters
        self._at_work = threading.Lock()

    def consume(self) -> int:
        """Waits for messages and handles them; returns how many came.

        Messages that name no order are kept as dead letters. Messages whose orders could not be handled stay in the queue and come again.
        """
        wakeups = self._queue.receive()
        if wakeups:
            with self._at_work:
                keep(self._database, self._letters, wakeups)
                self._fulfilment.handle({wakeup.order_id: wakeup.trace_context for wakeup in wakeups if wakeup.order_id})
                self._queue.delete(wakeups)
        return len(wakeups)

    def finish(self, seconds: float) -> None:
        """Waits until it has handled what it has begun with, and lets it begin with nothing more. To wait for messages is no work."""
        self._at_work.acquire(timeout=seconds)
