"""Addresses with which too many logins failed are locked for a while: in the database, so for both colours and wherever somebody tries.

Whether there is an account does not matter, so nothing tells of it: not the answer, not its time, not the table.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from orders import utc
from orders.database import Database
from orders.email_key import email_key
from orders.tables import login_failures


class Lockout:
    """`after` failures in a row lock for `seconds`; that long after the last failure they are forgotten. 0 locks nobody."""

    def __init__(self, database: Database, after: int, seconds: int) -> None:
        self._database = database
        self._after = after
        self._time = timedelta(seconds=seconds)

    def wait(self, email: str) -> int:
        """Gives the seconds for which the address is locked; 0 if it is not."""
        statement = select(login_failures.c.locked_until).where(login_failures.c.address_hash == _hash(email))
        return self._transaction(lambda connection: _seconds_until(connection.scalar(statement)))

    def failed(self, email: str) -> int:
        """Counts a failure; gives the seconds if others have locked the address meanwhile."""
        try:
            return self._transaction(lambda connection: self._count(connection, _hash(email)))
        except IntegrityError:
            # Somebody else was the first to fail.
            return self._transaction(lambda connection: self._count(connection, _hash(email)))

    def passed(self, email: str) -> int:
        """Forgets the failures; gives the seconds if the address was locked while the password was looked at.

        So however many try at once, no more passwords are answered than may fail.
        """

        def work(connection: Connection) -> int:
            mine = login_failures.c.address_hash == _hash(email)
            row = connection.execute(select(login_failures.c.locked_until).where(mine).with_for_update()).first()
            wait = _seconds_until(row.locked_until) if row else 0
            if row and not wait:
                connection.execute(delete(login_failures).where(mine))
            return wait

        return self._transaction(work)

    def unlock(self, email: str) -> bool:
        """Forgets everything about the address; says whether it was locked."""

        def work(connection: Connection) -> bool:
            mine = login_failures.c.address_hash == _hash(email)
            locked_until = connection.scalar(select(login_failures.c.locked_until).where(mine).with_for_update())
            connection.execute(delete(login_failures).where(mine))
            return _seconds_until(locked_until) > 0

        return self._database.transaction(work)

    def _transaction(self, work: Callable[[Connection], int]) -> int:
        return self._database.transaction(work) if self._after else 0

    def _count(self, connection: Connection, address: str) -> int:
        now = utc.now()
        mine = login_failures.c.address_hash == address
        row = connection.execute(select(login_failures).where(mine).with_for_update()).first()
        if row is not None and (wait := _seconds_until(row.locked_until)):
            return wait
        failures = 1 if row is None or row.last_at <= now - self._time else row.failures + 1
        values = {"failures": failures, "last_at": now, "locked_until": now + self._time if failures >= self._after else None}
        if row is None:
            connection.execute(insert(login_failures).values(address_hash=address, **values))
        else:
            connection.execute(update(login_failures).where(mine).values(values))
        return 0


def _hash(email: str) -> str:
    return hashlib.sha256(email_key(email).encode()).hexdigest()


def _seconds_until(moment: datetime | None) -> int:
    return 0 if moment is None else max(0, math.ceil((moment - utc.now()).total_seconds()))
