"""Sends orders to the colour's queue: new ones, as many as may be under way, and those that got lost on the way."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import timedelta

from sqlalchemy import Connection

from order_processor.order_queue import OrderQueue
from order_processor.told_orders import publishing
from orders.database import Database
from orders.outbox import Outbox, Unsent


class Relay:
    """`sent` is set while orders are under way: nothing becomes stale otherwise, before the lease of a later one has passed."""

    def __init__(self, database: Database, outbox: Outbox, queue: OrderQueue, *, cap: int, lease: timedelta, sent: threading.Event) -> None:
        self._database = database
        self._outbox = outbox
        self._queue = queue
        self._cap = cap
        self._lease = lease
        self._sent = sent

    def relay(self) -> int:
        """Sends what is new; returns how many orders that were."""
        return self._send(self._claim_new) if self._database.ask(self._outbox.has_new) else 0

    def sweep(self) -> int:
        """Sends again what should have been finished by now."""
        if not self._database.ask(self._outbox.has_under_way):
            return 0
        self._sent.set()
        return self._send(lambda connection: self._outbox.claim_stale(connection, self._cap, self._lease))

    def _claim_new(self, connection: Connection) -> list[Unsent]:
        room = self._cap - self._outbox.under_way(connection)
        return self._outbox.claim_new(connection, room, self._lease) if room > 0 else []

    def _send(self, claim: Callable[[Connection], list[Unsent]]) -> int:
        """Claims orders and sends them. A crash in between costs no order: its lease runs out."""
        rows = self._database.transaction(claim)
        if not rows:
            return 0
        self._sent.set()
        refused: Sequence[Unsent] = rows
        try:
            with publishing(rows) as unsent:
                refused = unsent[:] = self._queue.send(unsent)
        finally:
            if refused:
                self._database.transaction(lambda connection: self._outbox.release(connection, refused))
        return len(rows) - len(refused)
