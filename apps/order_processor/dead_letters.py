"""`python -m order_processor.dead_letters list|replay|discard` shows what could not be handled, has it handled again, or gives it up.

It prints one line of JSON. What is replayed is handled exactly once, however often this is called: in one transaction the letter goes and
its order is accepted anew.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from order_processor.order_queue import OrderQueue
from orders import utc
from orders.cloud import CLOUD_ERRORS, SecretsManager
from orders.database import Database, DatabaseAway
from orders.dead_letters import DeadLetter, DeadLetters, Kind, is_id
from orders.outbox import Outbox
from orders.settings import CloudSettings, DatabaseSettings, Release, SettingsError, Variables
from orders.status import Status
from orders.tables import order_events, orders

Action = Callable[[Connection, Sequence[DeadLetter]], None]


class OtherCount(Exception):
    """There are more letters, or fewer, than the operator has seen."""


class Undertaker:
    def __init__(self, database: Database, letters: DeadLetters, outbox: Outbox, queue: OrderQueue) -> None:
        self._database = database
        self._letters = letters
        self._outbox = outbox
        self._queue = queue

    def list(self) -> dict[str, Any]:
        def work(connection: Connection) -> dict[str, Any]:
            found = self._letters.oldest(connection)
            return {"count": self._letters.count(connection), "letters": [letter.as_dict() for letter in found]}

        return self._database.transaction(work)

    def replay(self, ids: Sequence[str] | None) -> dict[str, Any]:
        return self._take("replayed", ids, None, self._replay)

    def discard(self, ids: Sequence[str] | None, count: int | None) -> dict[str, Any]:
        """`count` is how many there are, which whoever discards all has to know."""
        return self._take("discarded", ids, count, self._discard)

    def _take(self, done: str, ids: Sequence[str] | None, count: int | None, action: Action) -> dict[str, Any]:
        def work(connection: Connection) -> dict[str, Any]:
            letters = self._letters.locked(connection, ids)
            if count is not None and len(letters) != count:
                raise OtherCount(f"there are {len(letters)} dead letters, not {count}; look at them again, nothing was changed")
            action(connection, letters)
            self._letters.remove(connection, letters)
            taken = [letter.id for letter in letters]
            return {done: taken, "absent": sorted(set(ids or ()) - set(taken)), "left": self._letters.count(connection)}

        return self._database.transaction(work)

    def _replay(self, connection: Connection, letters: Sequence[DeadLetter]) -> None:
        for letter in letters:
            if letter.kind is Kind.ORDER:
                self._accept_anew(connection, letter.id)
        # Last, so that none is sent if anything else fails. One that is sent and not removed is sent twice, and handled once.
        for letter in letters:
            if letter.kind is Kind.MESSAGE:
                self._queue.send_text(letter.body or "")

    def _accept_anew(self, connection: Connection, order_id: str) -> None:
        """The order's events stay: what happened before is told with a number, since each event happens once."""
        mine = order_events.c.order_id == order_id
        before = connection.scalar(select(func.count()).where(mine, order_events.c.event.like("failed%"))) or 0
        connection.execute(update(order_events).where(mine, order_events.c.event == Status.FAILED).values(event=f"failed_{before}"))
        self._tell(connection, order_id, f"replayed_{before}")
        failed = (orders.c.id == order_id) & (orders.c.status == Status.FAILED)
        connection.execute(update(orders).where(failed).values(status=Status.ACCEPTED))
        self._outbox.reopen(connection, order_id)

    def _discard(self, connection: Connection, letters: Sequence[DeadLetter]) -> None:
        """A discarded order stays failed, as its customer sees it; a message is gone."""
        for letter in letters:
            if letter.kind is Kind.ORDER:
                self._tell(connection, letter.id, "discarded")

    def _tell(self, connection: Connection, order_id: str, event: str) -> None:
        row = {"order_id": order_id, "event": event, "colour": self._outbox.colour, "at": utc.now()}
        connection.execute(insert(order_events).values(row))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m order_processor.dead_letters")
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("list", help="what waits, the oldest first")
    replay = actions.add_parser("replay", help="have it handled again")
    discard = actions.add_parser("discard", help="give it up: an order stays failed, a message is gone")
    for action in (replay, discard):
        which = action.add_mutually_exclusive_group(required=True)
        which.add_argument("--id", action="append", metavar="ID", dest="ids")
        which.add_argument("--all", action="store_true")
    discard.add_argument("--count", type=int, help="with --all: how many there are")
    options = parser.parse_args()
    for given in getattr(options, "ids", None) or ():
        if not is_id(given):
            parser.error(f"'{given}' is not the id of a dead letter: list shows them")
    if options.action == "discard" and options.all and options.count is None:
        parser.error("--all needs --count, the number of letters that list shows")
    return options


def main() -> int:
    options = _options()
    try:
        variables = Variables(os.environ)
        colour, cloud = Release.of(variables).colour, CloudSettings.of(variables)
        database = Database(DatabaseSettings.of(variables), SecretsManager(cloud), connections=1)
        undertaker = Undertaker(database, DeadLetters(colour), Outbox(colour), OrderQueue(cloud))
        if options.action == "list":
            answer = undertaker.list()
        elif options.action == "replay":
            answer = undertaker.replay(options.ids)
        else:
            answer = undertaker.discard(options.ids, options.count)
    except (SettingsError, OtherCount, DatabaseAway, SQLAlchemyError, OSError, *CLOUD_ERRORS) as error:
        print(f"dead_letters: {error}", file=sys.stderr)
        return 1
    print(json.dumps(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main())
