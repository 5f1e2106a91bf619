"""What customers read of their orders a moment ago, each customer's own. It is no record: whatever is in it goes within seconds.

A customer's entries count only while they carry the customer's present mark. Whoever changes orders takes the mark away after the commit
and before the answer, so whatever was read from the database before that is never shown again, also if it is stored only now. The next
reader makes another mark *before* it asks the database.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass

from opentelemetry import metrics

from orders.cache import Cache, CacheAway
from orders.cache_connections import Command

KEPT_SECONDS = 5
# An entry must not outlive the time in which the cache is not believed: who reads the database for long does not keep what it found.
_LONGEST_READ_SECONDS = 2.0
DISBELIEVED_SECONDS = KEPT_SECONDS + 2 * _LONGEST_READ_SECONDS
_MARK_SECONDS = 60
_MARK_BYTES = 16
_MOST_BYTES = 64 * 1024
_MOST_MISSED = 10_000
EVERYTHING = "list"


@dataclass(frozen=True)
class Look:
    """What was found; if it was nothing, what is read now may be kept under `mark`."""

    found: bytes | None = None
    key: str = ""
    mark: bytes = b""
    upheavals: int = -1
    began: float = 0.0


class OrderCache:
    def __init__(self, cache: Cache | None) -> None:
        self._cache = cache
        # Customers whose mark could not be taken away, and when that was tried.
        self._missed: dict[str, float] = {}
        self._lookups = metrics.get_meter("orders").create_counter(
            "echobase.cache.lookups", "{lookup}", "Reads of orders, by what the cache had."
        )
        if cache is not None:
            cache.when_back(self._what_was_missed)
            for result in ("hit", "miss", "bypass"):
                self._lookups.add(0, {"result": result})

    async def look(self, user_id: str, what: str = EVERYTHING) -> Look:
        if self._cache is None:
            return Look()
        try:
            look = await self._look(self._cache, user_id, what) if self._is_believed(self._cache) else None
        except CacheAway:
            look = None
        self._lookups.add(1, {"result": "bypass" if look is None else "miss" if look.found is None else "hit"})
        return look or Look()

    async def keep(self, look: Look, content: bytes) -> None:
        cache = self._cache
        if cache is None or not look.mark or look.upheavals != cache.upheavals or len(content) > _MOST_BYTES:
            return
        if time.monotonic() - look.began > _LONGEST_READ_SECONDS:
            return
        try:
            await cache.ask(("SET", look.key, look.mark + content, "EX", KEPT_SECONDS))
        except CacheAway:
            return

    async def forget(self, user_ids: Iterable[str]) -> None:
        """To be called after the commit. Where the cache does not hear of it this process disbelieves it for as long as entries live."""
        wanted = set(user_ids)
        if self._cache is None or not wanted:
            return
        try:
            await self._cache.ask(("DEL", *map(_mark_key, wanted)))
        except CacheAway:
            now = time.monotonic()
            self._missed |= dict.fromkeys(wanted, now)
            while len(self._missed) > _MOST_MISSED:
                del self._missed[next(iter(self._missed))]

    async def _look(self, cache: Cache, user_id: str, what: str) -> Look:
        mark_key, key = _mark_key(user_id), f"order:{user_id}:{what}"
        upheavals, began = cache.upheavals, time.monotonic()
        [[mark, found]] = await cache.ask(("MGET", mark_key, key))
        if mark and found and found.startswith(mark):
            return Look(found[len(mark) :])
        if mark is None:
            mark = secrets.token_bytes(_MARK_BYTES)
            [is_ours] = await cache.ask(("SET", mark_key, mark, "NX", "EX", _MARK_SECONDS))
            if not is_ours:
                return Look()
        return Look(None, key, mark, upheavals, began)

    def _is_believed(self, cache: Cache) -> bool:
        """A cache that was away may have missed that an order changed, here or elsewhere, or have forgotten that it was told."""
        return cache.is_available and asyncio.get_running_loop().time() - cache.upheaval_at > DISBELIEVED_SECONDS

    def _what_was_missed(self) -> list[Command]:
        since = time.monotonic() - DISBELIEVED_SECONDS
        missed = [_mark_key(user_id) for user_id, at in self._missed.items() if at > since]
        self._missed.clear()
        return [("DEL", *missed)] if missed else []


def _mark_key(user_id: str) -> str:
    return f"order:{user_id}:mark"
