"""Takes messages from the colour's queue and has their orders handled."""

from __future__ import annotations

import logging

from order_processor.fulfilment import Fulfilment
from order_processor.order_queue import OrderQueue

log = logging.getLogger("order_processor")


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
            results = self._fulfilment.handle([wakeup.order_id for wakeup in wakeups if wakeup.order_id])
            self._queue.delete(wakeups)
            log.info("orders: %s", ", ".join(f"{count} {result.name.lower()}" for result, count in results.items()) or "none")
        return len(wakeups)
