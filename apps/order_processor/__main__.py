"""`python -m order_processor` sends, sends again and handles the orders of its colour."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading

from order_processor.backlog import Backlog
from order_processor.consumer import Consumer
from order_processor.dead_queue import Collector
from order_processor.forgetter import Forgetter
from order_processor.fulfilment import Fulfilment
from order_processor.loop import Loop
from order_processor.order_queue import DeadQueue, OrderQueue
from order_processor.relay import Relay
from order_processor.settings import ProcessorSettings
from order_processor.tidy import Tidy
from orders import logs
from orders.cloud import Kms, SecretsManager
from orders.database import Database
from orders.dead_letters import DeadLetters
from orders.notes import Notes
from orders.outbox import Outbox
from orders.settings import SettingsError
from orders.telemetry import Telemetry

log = logging.getLogger("order_processor")

# One for each loop.
CONNECTIONS = 4
RELAY_REST_SECONDS = 0.2
SWEEP_REST_SECONDS = 1.0
# The most between two looks of the sweep, and never more than a lease: what is sent after a look is not stale before the next.
SWEEP_QUIET_SECONDS = 15.0
TIDY_REST_SECONDS = 30.0
BACKLOG_REST_SECONDS = 15.0
LAST_WORK_SECONDS = 8.0
LAST_WORDS_SECONDS = 0.6


def main() -> int:
    logs.to_stderr()
    try:
        settings = ProcessorSettings.from_environment(os.environ)
        telemetry = Telemetry.begin("order-processor", settings.release, os.environ)
    except SettingsError as error:
        print(f"order_processor: {error}", file=sys.stderr)
        return 1
    return _run(settings, telemetry)


def _run(settings: ProcessorSettings, telemetry: Telemetry) -> int:
    colour = settings.release.colour
    stop = threading.Event()
    database = Database(settings.database, SecretsManager(settings.cloud), CONNECTIONS + telemetry.is_on)
    notes = Notes(Kms(settings.cloud, settings.release.environment))
    fulfilment = Fulfilment(database, notes, colour, settings.most_failures, Forgetter(settings.cache))
    # Each loop has a queue of its own: one waits in it for messages most of the time.
    letters = DeadLetters(colour)
    consumer = Consumer(OrderQueue(settings.cloud), fulfilment, database, letters)
    sent = threading.Event()
    relay, sweep = (
        Relay(database, Outbox(colour), OrderQueue(settings.cloud), cap=settings.relay_cap, lease=settings.sweep_after, sent=sent)
        for _ in range(2)
    )
    quiet_seconds = min(SWEEP_QUIET_SECONDS, settings.sweep_after.total_seconds())
    tidy = Tidy(database, settings.keys_count_for, Collector(database, letters, DeadQueue(settings.cloud)).collect)
    loops = [
        Loop("relay", relay.relay, RELAY_REST_SECONDS, stop),
        Loop("sweep", sweep.sweep, SWEEP_REST_SECONDS, stop, quiet_seconds, sent),
        Loop("tidy", tidy.tidy, TIDY_REST_SECONDS, stop),
    ]
    receiving = Loop("consumer", consumer.consume, 0, stop)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    for loop in (*loops, receiving):
        loop.start(on_crash=stop.set)
    if telemetry.is_on:
        _measure(Backlog(database, Outbox(colour), letters, OrderQueue(settings.cloud)), stop)
    log.info("processing orders of %s %s", settings.release.environment, colour)
    stop.wait()
    crashed = [loop for loop in (*loops, receiving) if loop.crash]
    for loop in crashed:
        log.critical("%s crashed", loop.name, exc_info=loop.crash)
    for loop in loops:
        loop.join(LAST_WORK_SECONDS)
    consumer.finish(LAST_WORK_SECONDS)
    log.info("leaving")
    telemetry.stop(LAST_WORDS_SECONDS)
    return 1 if crashed else 0


def _measure(backlog: Backlog, stop: threading.Event) -> None:
    """Orders go on without it, and nobody waits for it at the end."""
    loop = Loop("backlog", backlog.measure, BACKLOG_REST_SECONDS, stop)
    loop.start(on_crash=lambda: log.error("the backlog is not measured any more", exc_info=loop.crash))


if __name__ == "__main__":
    sys.exit(main())
