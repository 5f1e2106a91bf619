"""Orders as their owners see them: accepted once, durable before they are accepted."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from opentelemetry import metrics
from sqlalchemy import Connection, bindparam, delete, insert, select
from sqlalchemy.exc import IntegrityError

from api_gateway.idempotency import RequestPrint
from orders import utc
from orders.database import Database
from orders.notes import Notes
from orders.outbox import Outbox
from orders.status import Status
from orders.tables import idempotency_keys, orders

MOST_LISTED = 200
# A key that is in the way may expire, and another request may come with it anew.
_ATTEMPTS = 3


class OtherBody(Exception):
    """The idempotency key was used before, for something else."""


class UnknownAccount(Exception):
    """A valid token of an account that this database does not have."""


@dataclass(frozen=True)
class NewOrder:
    item: str
    quantity: int
    note: str | None


@dataclass(frozen=True)
class SealedOrder:
    """An order as the database has it."""

    id: str
    item: str
    quantity: int
    note: bytes | None
    status: str
    created_at: datetime
    processed_at: datetime | None


@dataclass(frozen=True)
class Order:
    id: str
    item: str
    quantity: int
    note: str | None
    status: str
    created_at: datetime
    processed_at: datetime | None


# Made once: to make a statement takes longer than to have it ready for the database.
_OF_USER = select(*(orders.c[field.name] for field in fields(SealedOrder))).where(orders.c.user_id == bindparam("user"))
_LATEST = _OF_USER.order_by(orders.c.created_at.desc(), orders.c.id).limit(MOST_LISTED)
_ONE = _OF_USER.where(orders.c.id == bindparam("order"))


class OrderBook:
    def __init__(self, database: Database, notes: Notes, outbox: Outbox, idempotency_seconds: int) -> None:
        self._database = database
        self._notes = notes
        self._outbox = outbox
        self._keys_count_for = timedelta(seconds=idempotency_seconds)
        self._placed = metrics.get_meter("api_gateway").create_counter("echobase.orders.placed", "{order}", "Orders that were accepted.")
        # A series that begins with the first order hides that one from whoever looks at increases.
        self._placed.add(0)

    def place(self, user_id: str, order: NewOrder, request: RequestPrint) -> str:
        """The id of the order that this request made, now or the first time it came, as long as its key counts."""
        order_id = str(uuid.uuid4())
        row = {
            "id": order_id,
            "user_id": user_id,
            "item": order.item,
            "quantity": order.quantity,
            "note": None if order.note is None else self._notes.seal(order.note, order_id),
            "status": Status.ACCEPTED,
            "created_at": utc.now(),
            "accepted_by": self._outbox.colour,
        }
        for _attempt in range(_ATTEMPTS):
            try:
                self._database.transaction(lambda connection: self._store(connection, row, request))
            except IntegrityError:
                placed = self._placed_before(user_id, request)
                if placed is None:
                    continue
                return placed
            self._placed.add(1)
            return order_id
        raise UnknownAccount(user_id)

    def read(self, user_id: str, order_id: str | None = None) -> list[SealedOrder]:
        """One order of the customer's, or the latest."""
        statement, values = (_LATEST, {"user": user_id}) if order_id is None else (_ONE, {"user": user_id, "order": order_id})
        rows = self._database.transaction(lambda connection: connection.execute(statement, values).all())
        return [SealedOrder(*row) for row in rows]

    def opened(self, sealed: Sequence[SealedOrder]) -> list[Order]:
        return [Order(**vars(order) | {"note": self._note(order.note, order.id)}) for order in sealed]

    def _store(self, connection: Connection, order: Mapping[str, Any], request: RequestPrint) -> None:
        # This comes first: of two requests with the same key one waits here for the other.
        connection.execute(
            insert(idempotency_keys),
            {
                "user_id": order["user_id"],
                "key_hash": request.key_hash,
                "body_mac": request.body_mac,
                "order_id": order["id"],
                "created_at": order["created_at"],
            },
        )
        connection.execute(insert(orders), order)
        self._outbox.add(connection, order["id"], order["created_at"])

    def _placed_before(self, user_id: str, request: RequestPrint) -> str | None:
        """None if no key is in the way, or none any more: it has expired, or the sweep was here first."""
        mine = (idempotency_keys.c.user_id == user_id) & (idempotency_keys.c.key_hash == request.key_hash)
        expired = idempotency_keys.c.created_at <= utc.now() - self._keys_count_for
        statement = select(idempotency_keys.c.order_id, idempotency_keys.c.body_mac).where(mine)

        def work(connection: Connection) -> Any:
            connection.execute(delete(idempotency_keys).where(mine, expired))
            return connection.execute(statement).first()

        row = self._database.transaction(work)
        if row is None:
            return None
        if not request.same_body(row.body_mac):
            raise OtherBody
        return str(row.order_id)

    def _note(self, sealed: bytes | None, order_id: str) -> str | None:
        return None if sealed is None else self._notes.open(sealed, order_id)
