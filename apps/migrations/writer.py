"""A writer that touches every table all the time and notes how long it had to wait: the live release, as a migration makes it feel."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import Engine, inspect, text
from sqlalchemy.exc import DBAPIError

_PAUSE_SECONDS = 0.005
# Shorter waits are nobody's concern, and there are many.
_WORTH_NOTING_SECONDS = 0.002


@dataclass
class Writer:
    """Its statements find no row and change nothing; yet they take the same locks on a table as those that do."""

    engine: Engine
    ignored: Sequence[str]
    _waits: list[tuple[float, float]] = field(default_factory=list)
    _waiting_since: float | None = None
    _enough: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def at_work(self) -> Iterator[Writer]:
        thread = threading.Thread(target=self._write, args=(self._statements(),), name="writer", daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._enough.set()
            thread.join()

    def longest_wait(self, began: float, ended: float) -> float:
        """The longest wait of a write that was under way in this time; one that still is counts up to now."""
        since = self._waiting_since
        waits = [*self._waits, *([(since, time.monotonic())] if since else [])]
        return max((end - start for start, end in waits if start < ended and end > began), default=0.0)

    def _statements(self) -> list[str]:
        inspector = inspect(self.engine)
        quote = self.engine.dialect.identifier_preparer.quote
        tables = sorted(set(inspector.get_table_names()) - set(self.ignored))
        keys = {table: quote(inspector.get_pk_constraint(table)["constrained_columns"][0]) for table in tables}
        return [f"UPDATE {quote(table)} SET {key} = {key} WHERE 1 = 0" for table, key in keys.items()]

    def _write(self, statements: Sequence[str]) -> None:
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            while not self._enough.wait(_PAUSE_SECONDS):
                for statement in statements:
                    began = self._waiting_since = time.monotonic()
                    try:
                        connection.execute(text(statement))
                    except DBAPIError:
                        # The statement gave up waiting, or its table is gone: what counts is for how long it waited.
                        if connection.invalidated:
                            return
                    ended = time.monotonic()
                    if ended - began > _WORTH_NOTING_SECONDS:
                        self._waits.append((began, ended))
                    self._waiting_since = None
