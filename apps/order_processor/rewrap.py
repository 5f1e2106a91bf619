"""`python -m order_processor.rewrap` wraps the data keys of all notes with the environment's present key; no note is encrypted anew.

Whoever reads or writes orders meanwhile is not disturbed. Cut off, it is simply run again.
"""

from __future__ import annotations

import json
import os
import sys
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Protocol

from sqlalchemy import Connection, select
from sqlalchemy.exc import SQLAlchemyError

from orders.cloud import KeyServiceAway, Kms, NotOurKey, SecretsManager
from orders.database import Database, DatabaseAway
from orders.envelope import Envelope, Unreadable
from orders.settings import CloudSettings, DatabaseSettings, Release, SettingsError, Variables
from orders.tables import orders

# Rows that are locked together, for some milliseconds.
BATCH = 100
_REMEMBERED = 4096


class Rewrapper(Protocol):
    def rewrap(self, wrapped: bytes) -> bytes | None:
        """Gives the envelope with its key wrapped with the present key; None if it already is."""
        ...


@dataclass
class Rewrapped:
    rewrapped: int = 0
    # Notes under a key that nobody has any more, which are as unreadable as before.
    unreadable: int = 0


class Rewrap:
    """Pages through the orders by their id."""

    def __init__(self, database: Database, service: Rewrapper) -> None:
        self._database = database
        self._service = service
        # One data key wraps the notes of minutes.
        self._known: OrderedDict[bytes, bytes | None] = OrderedDict()

    def run(self) -> Rewrapped:
        done = Rewrapped()
        last = ""
        while page := self._page(last):
            last = page[-1][0]
            changes = [(order_id, note, changed) for order_id, note in page if (changed := self._changed(note, done))]
            if changes:
                done.rewrapped += self._database.transaction(lambda connection, changes=changes: _store(connection, changes))  # type: ignore[misc]
        return done

    def _page(self, after: str) -> list[tuple[str, bytes]]:
        wanted = select(orders.c.id, orders.c.note).where(orders.c.note.is_not(None)).order_by(orders.c.id).limit(BATCH)
        if after:
            wanted = wanted.where(orders.c.id > after)
        return self._database.transaction(lambda connection: [(str(row.id), bytes(row.note)) for row in connection.execute(wanted)])

    def _changed(self, note: bytes, done: Rewrapped) -> bytes | None:
        try:
            envelope = Envelope.from_bytes(note)
            wrapped = self._rewrapped(envelope.wrapped_key)
        except (Unreadable, NotOurKey):
            done.unreadable += 1
            return None
        return replace(envelope, wrapped_key=wrapped).to_bytes() if wrapped else None

    def _rewrapped(self, wrapped: bytes) -> bytes | None:
        if wrapped not in self._known:
            self._known[wrapped] = self._service.rewrap(wrapped)
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return self._known[wrapped]


def _store(connection: Connection, changes: Sequence[tuple[str, bytes, bytes]]) -> int:
    for order_id, before, after in changes:
        connection.execute(orders.update().where(orders.c.id == order_id, orders.c.note == before).values(note=after))
    return len(changes)


def main() -> int:
    try:
        variables = Variables(os.environ)
        cloud = CloudSettings.of(variables)
        database = Database(DatabaseSettings.of(variables), SecretsManager(cloud), connections=1)
        done = Rewrap(database, Kms(cloud, Release.of(variables).environment)).run()
    except (SettingsError, KeyServiceAway, DatabaseAway, SQLAlchemyError, OSError) as error:
        print(f"rewrap: {error}", file=sys.stderr)
        return 1
    print(json.dumps(asdict(done)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
