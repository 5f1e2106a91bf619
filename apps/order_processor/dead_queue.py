"""Empties the queue of messages that SQS itself gave up, since it delivered them again and again and nobody deleted them."""

from __future__ import annotations

import logging

from order_processor.order_queue import DeadQueue, Wakeup
from orders.cloud import CLOUD_ERRORS
from orders.database import Database
from orders.dead_letters import DeadLetters

log = logging.getLogger("order_processor")

NONE_OF_OURS = "the message names no order"


class Collector:
    """A message that names an order is let go: the outbox has the order, and the sweep sends it again. Any other becomes a letter."""

    def __init__(self, database: Database, letters: DeadLetters, queue: DeadQueue) -> None:
        self._database = database
        self._letters = letters
        self._queue = queue
        self._away = False

    def collect(self) -> int:
        """A colour works without this queue, so nothing else waits for it."""
        try:
            messages = self._queue.receive()
            self._away = False
        except CLOUD_ERRORS as error:
            if not self._away:
                log.warning("the queue of dead letters is away: %s", error)
            self._away = True
            return 0
        keep(self._database, self._letters, messages)
        if messages:
            self._queue.delete(messages)
        return len(messages)


def keep(database: Database, letters: DeadLetters, messages: list[Wakeup]) -> None:
    """Keeps messages that name no order, before they are deleted."""
    bodies = {message.id: message.body for message in messages if message.order_id is None}
    if bodies:
        database.transaction(lambda connection: letters.add_messages(connection, bodies, NONE_OF_OURS))
        log.warning("%d messages name no order: they wait as dead letters", len(bodies))
