"""The statements of a migration, one at a time: each commits alone, gives way to the live release, and is timed."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from migrations.journal import Journal
from migrations.writer import Writer
from orders.engine import ENGINES

Answer = TypeVar("Answer")

# Whatever comes after a statement that waits for a table waits behind it, so it never waits longer than this; the least that MariaDB knows.
_WAIT_SECONDS = 1
_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 2.0
# These take locks that no reader and no writer waits for, so they need not hurry; broken off, the first would leave an invalid index.
_IN_NOBODYS_WAY = re.compile(r"\b(CONCURRENTLY|VALIDATE CONSTRAINT)\b")


class SchemaBusy(Exception):
    """Another process migrates, or running transactions leave no gap."""


@dataclass(frozen=True)
class Ran:
    revision: str
    statement: str
    tries: int
    seconds: float
    # The longest that a writer of another session waited meanwhile; nobody watched when it is None.
    held_up_seconds: float | None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass
class Statements:
    """`patience` is for all of a run together: how long it goes on trying while others' transactions are in the way."""

    connection: Connection
    journal: Journal
    patience: float
    writer: Writer | None = None
    revision: str = ""
    ran: list[Ran] = field(default_factory=list)
    _deadline: float = field(init=False)

    def __post_init__(self) -> None:
        self._kind = ENGINES[self.connection.dialect.name]
        self._deadline = time.monotonic() + self.patience

    @property
    def done(self) -> int:
        return sum(one.revision == self.revision for one in self.ran)

    def run(self, statement: str, send: Callable[[], Answer]) -> Answer:
        self.journal.sending(self.revision, self.done, statement)
        patient = bool(_IN_NOBODYS_WAY.search(statement))
        pause = _FIRST_PAUSE_SECONDS
        tries = 1
        while True:
            self._kind.limit_schema_waits(self.connection, self._left if patient else _WAIT_SECONDS)
            began = time.monotonic()
            try:
                answer = send()
            except DBAPIError as error:
                if not self._kind.is_lock_timeout(error.orig):
                    raise
                if patient or time.monotonic() + pause > self._deadline:
                    raise SchemaBusy(
                        f"transactions of others held a table for more than {self.patience:g} s ({tries} tries: '{shortened(statement)}');"
                        " try again when they have ended"
                    ) from error
            else:
                self._remember(statement, tries, began, time.monotonic())
                return answer
            # Time for all that queued up behind this try.
            time.sleep(pause * random.uniform(0.5, 1))
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
            tries += 1

    @property
    def _left(self) -> int:
        return max(_WAIT_SECONDS, int(self._deadline - time.monotonic()))

    def _remember(self, statement: str, tries: int, began: float, ended: float) -> None:
        held_up = self.writer.longest_wait(began, ended) if self.writer else None
        self.ran.append(
            Ran(self.revision, shortened(statement), tries, round(ended - began, 3), None if held_up is None else round(held_up, 3))
        )


def shortened(statement: str) -> str:
    line = " ".join(statement.split())
    return line if len(line) <= 120 else f"{line[:117]}..."
