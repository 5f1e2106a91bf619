"""Gives accounts that have none the key of their e-mail address, and tells which ones cannot have theirs."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from migrations.throttle import Throttle
from orders.email_key import email_key
from orders.utc import UtcDateTime

_users = sa.table(
    "users",
    sa.column("id", sa.Uuid(as_uuid=False)),
    sa.column("email", sa.String),
    sa.column("email_key", sa.String),
    sa.column("created_at", UtcDateTime),
)
_LACKS_KEY = _users.c.email_key.is_(None)


def complete() -> None:
    """For a revision. It can run again, and goes on with those that still lack a key."""
    context = op.get_context()
    if context.as_sql:
        context.impl.static_output("-- In batches: email_key = the address in its normal form (orders/email_key.py)")
        return
    fill(op.get_bind(), context.opts["throttle"])


def fill(connection: Connection, throttle: Throttle) -> None:
    others = []
    for batch in _lacking(connection, throttle):
        began = time.monotonic()
        as_it_is = [row.id for row in batch if email_key(row.email) == row.email]
        others += [row for row in batch if email_key(row.email) != row.email]
        _set(connection, as_it_is, _users.c.email)
        throttle.rest(time.monotonic() - began)
    # Whoever spelled the address in its normal form keeps it; after that, whoever came first.
    for row in sorted(others, key=lambda row: (row.created_at, row.id)):
        _set(connection, [row.id], email_key(row.email))


def collisions(connection: Connection) -> list[str]:
    """A sentence for each account whose address is another one's, too: both live on, each under its own spelling."""
    found = []
    for batch in _lacking(connection, Throttle()):
        keys = [email_key(row.email) for row in batch]
        holding = sa.select(_users.c.id, _users.c.email_key).where(_users.c.email_key.in_(keys))
        holders = {row.email_key: row.id for row in connection.execute(holding)}
        found += [(row.id, holders[key]) for row, key in zip(batch, keys, strict=True) if key in holders]
    return [
        f"accounts {holder} and {account} have one e-mail address in two spellings; both work, each with its own spelling."
        f" Ask whose they are, and give {account} another address (column email of table users) or leave it as it is"
        for account, holder in found
    ]


def _lacking(connection: Connection, throttle: Throttle) -> Iterator[Sequence[Any]]:
    position: str | None = None
    while True:
        statement = sa.select(_users).where(_LACKS_KEY).order_by(_users.c.id).limit(throttle.batch)
        batch = connection.execute(statement if position is None else statement.where(_users.c.id > position)).all()
        if not batch:
            return
        yield batch
        position = batch[-1].id


def _set(connection: Connection, accounts: Sequence[str], key: Any) -> None:
    """Sets the keys. Accounts whose key another one has already are left without."""
    if not accounts:
        return
    try:
        connection.execute(sa.update(_users).where(_users.c.id.in_(accounts), _LACKS_KEY).values(email_key=key))
    except IntegrityError:
        if len(accounts) > 1:
            for account in accounts:
                _set(connection, [account], key)
