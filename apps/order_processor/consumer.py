"""Takes messages from the colour's queue and has their orders handled."""

from __future__ import annotations

import logging
from collections import Counter

from order_processor.fulfilment import Fulfilment
from order_processor.order_queue import OrderQueue

log = logging.getLogger("order_processor")


class Consumer:
    def __init__(self, queue: OrderQueue, fulfilment: Fulfilment) -> None:
        self._queue = queue
        self._fulfilment = fulfilment

    def consume(self) -> int:
        """Waits for messages and handles them; returns how many came.

        A message whose order could not be handled stays in the queue and comes again.
        """
        wakeups = self._queue.receive()
        done = []
        results: Counter[str] = Counter()
        try:
            for wakeup in wakeups:
                if wakeup.order_id is not None:
                    results[self._fulfilment.handle(wakeup.order_id).name.lower()] += 1
                done.append(wakeup)
        finally:
            if done:
                self._queue.delete(done)
        if results:
            log.info("orders: %s", ", ".join(f"{count} {name}" for name, count in sorted(results.items())))
        return len(wakeups)
