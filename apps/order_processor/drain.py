"""`python -m order_processor.drain` ends when no unfinished order belongs to this colour.

What is left at the deadline is handed to the other colour, or reported. The platform says both in variables.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import asdict, dataclass

from sqlalchemy.exc import SQLAlchemyError

from orders.cloud import SecretsManager
from orders.database import Database, DatabaseAway
from orders.outbox import Outbox
from orders.settings import CloudSettings, DatabaseSettings, Release, SettingsError, Variables

NOBODY = "none"
_SECONDS_BETWEEN_LOOKS = 0.2
_LEAST_PATIENCE_SECONDS = 5.0


class LeftOver(Exception):
    """Orders are unfinished and nobody takes them."""


@dataclass(frozen=True)
class Drained:
    pending: int
    drained: int
    handed_over: int


class Drain:
    def __init__(self, database: Database, outbox: Outbox) -> None:
        self._database = database
        self._outbox = outbox

    def run(self, deadline_seconds: float, hand_to: str | None) -> Drained:
        deadline = time.monotonic() + deadline_seconds
        pending = left = self._unfinished(deadline)
        while left and time.monotonic() < deadline:
            time.sleep(_SECONDS_BETWEEN_LOOKS)
            left = self._unfinished(deadline)
        if left and hand_to is None:
            raise LeftOver(f"{left} orders of {self._outbox.colour} are unfinished after {deadline_seconds:g} s and nobody takes them over")
        handed_over = 0
        if left and hand_to is not None:
            colour = hand_to
            handed_over = self._database.transaction(lambda connection: self._outbox.hand_over(connection, colour))
        return Drained(pending, max(pending - handed_over, 0), handed_over)

    def _unfinished(self, deadline: float) -> int:
        """A database that is away for a moment is no reason to give up before the deadline."""
        patience = max(_LEAST_PATIENCE_SECONDS, deadline - time.monotonic())
        return self._database.transaction(self._outbox.unfinished, patience)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m order_processor.drain")
    parser.add_argument("--deadline", type=float, default=os.environ.get("ECHOBASE_DRAIN_SECONDS", "30"), metavar="SECONDS")
    hand_to = os.environ.get("ECHOBASE_HAND_TO", NOBODY)
    parser.add_argument("--hand-to", default=hand_to, metavar="COLOUR", help=f"the colour that takes what is left, or '{NOBODY}'")
    arguments = parser.parse_args()
    try:
        variables = Variables(os.environ)
        colour = Release.of(variables).colour
        if arguments.hand_to == colour:
            parser.error(f"{colour} cannot hand its orders to itself")
        database = Database(DatabaseSettings.of(variables), SecretsManager(CloudSettings.of(variables)), connections=1)
        drained = Drain(database, Outbox(colour)).run(arguments.deadline, None if arguments.hand_to == NOBODY else arguments.hand_to)
    except (SettingsError, LeftOver, DatabaseAway, SQLAlchemyError, OSError) as error:
        print(f"drain: {error}", file=sys.stderr)
        return 1
    print(json.dumps(asdict(drained)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
