"""A piece of work done again and again in a thread of its own, through every outage of what it needs."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from order_processor.heartbeat import beat
from orders.cloud import CLOUD_ERRORS, KeyServiceAway
from orders.database import DatabaseAway, is_passing

log = logging.getLogger("order_processor")

_FIRST_PAUSE_SECONDS = 0.25
_LONGEST_PAUSE_SECONDS = 2.0


@dataclass
class Loop:
    """`work` returns how much it did; after nothing, the loop rests."""

    name: str
    work: Callable[[], int]
    rest_seconds: float
    stop: threading.Event
    crash: BaseException | None = None

    def start(self, on_crash: Callable[[], None]) -> None:
        self._thread = threading.Thread(target=self._run, args=(on_crash,), name=self.name, daemon=True)
        self._thread.start()

    def join(self, seconds: float) -> None:
        self._thread.join(seconds)

    def _run(self, on_crash: Callable[[], None]) -> None:
        try:
            self._repeat()
        except BaseException as error:  # whatever it is, the process ends with it and is started anew
            self.crash = error
            on_crash()

    def _repeat(self) -> None:
        outage = 0
        while not self.stop.is_set():
            beat(self.name)
            try:
                did = self.work()
            except (DatabaseAway, KeyServiceAway, SQLAlchemyError, *CLOUD_ERRORS) as error:
                if isinstance(error, SQLAlchemyError) and not is_passing(error):
                    raise
                outage += 1
                if outage == 1:
                    log.warning("%s: waiting: %s", self.name, error)
                self.stop.wait(min(_FIRST_PAUSE_SECONDS * 2 ** min(outage, 8), _LONGEST_PAUSE_SECONDS))
                continue
            if outage:
                log.info("%s: going on", self.name)
            outage = 0
            if not did:
                self.stop.wait(self.rest_seconds)
