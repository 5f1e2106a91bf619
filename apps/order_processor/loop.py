"""A piece of work done again and again in a thread of its own, through every outage of what it needs."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy.exc import SQLAlchemyError

from order_processor.heartbeat import beat
from orders.cloud import CLOUD_ERRORS, KeyServiceAway
from orders.database import DatabaseAway, is_passing

log = logging.getLogger("order_processor")

_FIRST_PAUSE_SECONDS = 0.25
_LONGEST_PAUSE_SECONDS = 2.0


@dataclass
class Loop:
    """`work` returns how much it did. After nothing the loop rests: as long as it may be quiet, unless there is news, and then a little."""

    name: str
    work: Callable[[], int]
    rest_seconds: float
    stop: threading.Event
    quiet_seconds: float = 0
    news: threading.Event = field(default_factory=threading.Event)
    crash: BaseException | None = None

    def start(self, on_crash: Callable[[], None]) -> None:
        self._thread = threading.Thread(target=self._run, args=(on_crash,), name=self.name, daemon=True)
        self._thread.start()

    def join(self, seconds: float) -> None:
        """Waits until it has finished what it has begun, once it was told to stop."""
        self.news.set()
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
            # Before the work: what is new while it works is news.
            self.news.clear()
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
            if not did and not self.stop.is_set():
                self.news.wait(self.quiet_seconds)
                self.stop.wait(self.rest_seconds)
