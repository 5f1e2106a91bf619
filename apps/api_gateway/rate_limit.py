"""How often each client may do something: a bucket of tokens that fills up evenly."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

MINUTE = 60.0
# Whoever was away longest is forgotten first; by then its bucket is nearly always full again.
_REMEMBERED_CLIENTS = 20_000


class RateLimit:
    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._capacity = per_minute
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    @property
    def per_minute(self) -> int:
        return self._capacity

    def take(self, client: str) -> int:
        """Gives 0 if the client may go on, else the seconds after which it may."""
        if not self._capacity:
            return 0
        with self._lock:
            tokens = self._tokens(client)
            allowed = tokens >= 1
            self._put(client, tokens - 1 if allowed else tokens)
        return 0 if allowed else math.ceil((1 - tokens) * MINUTE / self._capacity)

    def give_back(self, client: str) -> None:
        """Gives a token back, since what it was taken for turned out not to count."""
        if self._capacity:
            with self._lock:
                self._put(client, min(self._capacity, self._tokens(client) + 1))

    def _tokens(self, client: str) -> float:
        now = self._clock()
        tokens, since = self._buckets.get(client, (float(self._capacity), now))
        return min(self._capacity, tokens + (now - since) * self._capacity / MINUTE)

    def _put(self, client: str, tokens: float) -> None:
        self._buckets[client] = (tokens, self._clock())
        self._buckets.move_to_end(client)
        while len(self._buckets) > _REMEMBERED_CLIENTS:
            self._buckets.popitem(last=False)
