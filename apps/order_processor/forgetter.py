"""Tells the cache whose orders changed, from a thread of its own: what handles orders never waits for it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable

from orders.cache import Cache
from orders.order_cache import OrderCache
from orders.settings import CacheSettings


class Forgetter:
    def __init__(self, settings: CacheSettings | None) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        if settings is None:
            return
        self._loop = asyncio.new_event_loop()
        cache = Cache(settings)
        self._orders = OrderCache(cache)
        threading.Thread(target=self._run, args=(self._loop, cache), name="forgetter", daemon=True).start()

    def forget(self, user_ids: Iterable[str]) -> None:
        """To be called after the commit. Whoever reads an order that is not forgotten in time sees the state of some seconds ago."""
        if self._loop is not None:
            asyncio.run_coroutine_threadsafe(self._orders.forget(set(user_ids)), self._loop)

    def _run(self, loop: asyncio.AbstractEventLoop, cache: Cache) -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(cache.start())
        loop.run_forever()
