"""Takes messages from the colour's queue and has their orders handled."""

from __future__ import annotations

from order_processor.fulfilment import Fulfilment
from order_processor.order_queue import OrderQueue


class Consumer:
    def __init__(self, queue: OrderQueue, fulfilment: Fulfilment) -> None:
        self._queue = queue
        self._fulfilment = fulfilment

    def consume(self) -> int:
        """Waits for messages and handles them; returns how many came.

        Messages whose orders could not be handled stay in the queue and come again.
        """
        wakeups = self._queue.receive()
        if wakeups:
            self._fulfilment.handle({wakeup.order_id: wakeup.trace_context for wakeup in wakeups if wakeup.order_id})
            self._queue.delete(wakeups)
        return len(wakeups)
