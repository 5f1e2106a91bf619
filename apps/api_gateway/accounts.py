"""People who may order."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError

from orders import utc
from orders.database import Database
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
        values = {"id": account_id, "email": email, "password_hash": password_hash, "created_at": utc.now()}
        try:
            self._database.transaction(lambda connection: connection.execute(insert(users).values(values)))
        except IntegrityError:
            # Ours, if the answer to an earlier commit was lost.
            known = self.find(email)
            if known is None or known.id != account_id:
                raise EmailTaken(email) from None
        return account_id

    def find(self, email: str) -> Account | None:
        def work(connection: Connection) -> Account | None:
            row = connection.execute(select(users.c.id, users.c.password_hash).where(users.c.email == email)).first()
            return Account(row.id, row.password_hash) if row else None

        return self._database.transaction(work)
