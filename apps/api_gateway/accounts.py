"""People who may order."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select, union_all
from sqlalchemy.exc import IntegrityError

from orders import utc
from orders.database import Database
from orders.email_key import email_key
from orders.tables import users


class EmailTaken(Exception):
    """There is an account with this address."""


@dataclass(frozen=True)
class Account:
    id: str
    password_hash: str


class Accounts:
    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, email: str, password_hash: str) -> str:
        account_id = str(uuid.uuid4())
        values = {"id": account_id, "email": email, "email_key": email_key(email), "password_hash": password_hash, "created_at": utc.now()}
        try:
            self._database.transaction(lambda connection: connection.execute(insert(users).values(values)))
        except IntegrityError:
            # The account is ours if the answer to an earlier commit was lost.
            known = self.find(email)
            if known is None or known.id != account_id:
                raise EmailTaken(email) from None
        return account_id

    def find(self, email: str) -> Account | None:
        """Finds an account by the key of its address; one that an older release left without a key is found by its very spelling."""
        key = email_key(email)
        columns = select(users.c.id, users.c.email, users.c.email_key, users.c.password_hash)
        statement = union_all(columns.where(users.c.email_key == key), columns.where(users.c.email_key.is_(None), users.c.email == email))

        def work(connection: Connection) -> Account | None:
            rows = connection.execute(statement).all()
            # MariaDB may find more by the spelling than is spelled so.
            row = next((row for row in rows if row.email_key is None and row.email == email), None)
            row = row or next((row for row in rows if row.email_key == key), None)
            return Account(row.id, row.password_hash) if row else None

        return self._database.transaction(work)
