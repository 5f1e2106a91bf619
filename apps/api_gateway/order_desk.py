"""Reads orders by way of the cache, and sees to it that a customer never reads less than she was told."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from fastapi.concurrency import run_in_threadpool

from api_gateway.idempotency import RequestPrint
from api_gateway.order_book import NewOrder, Order, OrderBook, SealedOrder
from orders.order_cache import EVERYTHING, OrderCache


class OrderDesk:
    def __init__(self, book: OrderBook, cache: OrderCache) -> None:
        self._book = book
        self._cache = cache

    async def place(self, user_id: str, order: NewOrder, request: RequestPrint) -> str:
        try:
            return await run_in_threadpool(self._book.place, user_id, order, request)
        finally:
            # Also when it was placed before: whoever placed it then may not have come as far as here.
            await self._cache.forget([user_id])

    async def find(self, user_id: str, order_id: str) -> Order | None:
        found = await self._read(user_id, order_id)
        return found[0] if found else None

    async def latest(self, user_id: str) -> list[Order]:
        return await self._read(user_id)

    async def _read(self, user_id: str, order_id: str | None = None) -> list[Order]:
        look = await self._cache.look(user_id, order_id or EVERYTHING)
        if look.found is not None:
            sealed = _from_bytes(look.found)
        else:
            sealed = await run_in_threadpool(self._book.read, user_id, order_id)
            # Who makes up ids of orders fills nothing.
            if look.mark and (sealed or order_id is None):
                await self._cache.keep(look, _to_bytes(sealed))
        if all(order.note is None for order in sealed):
            return self._book.opened(sealed)
        return await run_in_threadpool(self._book.opened, sealed)


def _to_bytes(orders: Sequence[SealedOrder]) -> bytes:
    """As the database has them: notes stay sealed."""
    rows = [asdict(order) for order in orders]
    return json.dumps(rows, default=_plain, separators=(",", ":")).encode()


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else base64.b64encode(value).decode()  # type: ignore[arg-type]


def _from_bytes(content: bytes) -> list[SealedOrder]:
    return [
        SealedOrder(
            **row
            | {
                "note": None if row["note"] is None else base64.b64decode(row["note"]),
                "created_at": datetime.fromisoformat(row["created_at"]),
                "processed_at": datetime.fromisoformat(row["processed_at"]) if row["processed_at"] else None,
            }
        )
        for row in json.loads(content)
    ]
