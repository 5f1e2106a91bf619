"""Orders as their owners see them: accepted once, durable before they are accepted."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from opentelemetry import metrics
from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError

from api_gateway.idempotency import RequestPrint
from orders import utc
from orders.database import Database
from orders.notes import Notes
from orders.outbox import Outbox
from orders.status import Status
from orders.tables import idempotency_keys, orders

MOST_LISTED = 200


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


_COLUMNS = [orders.c[field.name] for field in fields(SealedOrder)]


class OrderBook:
    def __init__(self, database: Database, notes: Notes, outbox: Outbox) -> None:
        self._database = database
        self._notes = notes
        self._outbox = outbox
        self._placed = metrics.get_meter("api_gateway").create_counter("echobase.orders.placed", "{order}", "Orders that were accepted.")
        # A series that begins with the first order hides that one from whoever looks at increases.
        self._placed.add(0)

    def place(self, user_id: str, order: NewOrder, request: RequestPrint) -> str:
        """The id of the order that this request made, now or the first time it came."""
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
        try:
            self._database.transaction(lambda connection: self._store(connection, row, request))
        except IntegrityError:
            return self._placed_before(user_id, request)
        self._placed.add(1)
        return order_id

    def read(self, user_id: str, order_id: str | None = None) -> list[SealedOrder]:
        """One order of the customer's, or the latest."""
        statement = (
            select(*_COLUMNS).where(orders.c.user_id == user_id).order_by(orders.c.created_at.desc(), orders.c.id).limit(MOST_LISTED)
        )
        if order_id is not None:
            statement = statement.where(orders.c.id == order_id)
        rows = self._database.transaction(lambda connection: connection.execute(statement).mappings().all())
        return [SealedOrder(**row) for row in rows]

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

    def _placed_before(self, user_id: str, request: RequestPrint) -> str:
        mine = (idempotency_keys.c.user_id == user_id) & (idempotency_keys.c.key_hash == request.key_hash)
        statement = select(idempotency_keys.c.order_id, idempotency_keys.c.body_mac).where(mine)
        row = self._database.transaction(lambda connection: connection.execute(statement).first())
        if row is None:
            raise UnknownAccount(user_id)
        if not request.same_body(row.body_mac):
            raise OtherBody
        return str(row.order_id)

    def _note(self, sealed: bytes | None, order_id: str) -> str | None:
        return None if sealed is None else self._notes.open(sealed, order_id)
