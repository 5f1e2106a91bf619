"""A backfill goes no faster than the replica applies what it writes, where there is a replica."""

from __future__ import annotations

import sys
import time

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

# A replica that stands still for this long is waited for no more, so it never holds the database up for good.
_PATIENCE_SECONDS = 30.0
_AT_PRIMARY = {"mariadb": "SELECT @@global.gtid_binlog_pos", "postgresql": "SELECT pg_current_wal_insert_lsn()::text"}
_AT_REPLICA = {"mariadb": "SELECT @@global.gtid_slave_pos", "postgresql": "SELECT pg_last_wal_replay_lsn()::text"}


class ReplicaPace:
    def __init__(self, primary: Engine, replica: Engine, patience: float = _PATIENCE_SECONDS) -> None:
        self._primary = primary
        self._replica = replica
        self._patience = patience
        self._kind = primary.dialect.name
        # The primary's position when it was last asked; the replica has to have come so far before the next batch.
        self._wanted = 0
        self._given_up = False

    def wait(self) -> None:
        """Waits until the replica is less than a batch behind."""
        if self._given_up:
            return
        try:
            with self._primary.connect() as primary, self._replica.connect() as replica:
                self._await(replica)
                self._wanted = self._place(primary, _AT_PRIMARY)
        except SQLAlchemyError as error:
            self._give_up(str(getattr(error, "orig", None) or error))

    def _await(self, replica: Connection) -> None:
        place = self._place(replica, _AT_REPLICA)
        deadline = time.monotonic() + self._patience
        while place < self._wanted:
            if time.monotonic() > deadline:
                self._give_up(f"it stands still for {self._patience:.0f} s")
                return
            # A server has no event to wait for but an answer.
            time.sleep(0.1)
            before, place = place, self._place(replica, _AT_REPLICA)
            if place > before:
                deadline = time.monotonic() + self._patience

    def _place(self, connection: Connection, questions: dict[str, str]) -> int:
        position = str(connection.scalar(text(questions[self._kind])) or "")
        # A view of the data that is kept open would hold up the replica.
        connection.rollback()
        if self._kind == "mariadb":
            return int(position.rpartition("-")[2] or 0)
        high, _, low = position.partition("/")
        return (int(high or "0", 16) << 32) + int(low or "0", 16)

    def _give_up(self, reason: str) -> None:
        self._given_up = True
        print(f"going on without waiting for the replica: {reason}", file=sys.stderr)
