"""A limit that all gateways of an environment count together. While the cache is away each counts for itself."""

from __future__ import annotations

import hashlib
import math

from redis.exceptions import NoScriptError

from api_gateway.rate_limit import MINUTE, RateLimit
from orders.cache import Cache, CacheAway

# The bucket of RateLimit, by the cache's clock. A bucket that nobody touched for a minute is full, so it need not be there.
_SCRIPT = """
local capacity, wanted = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local tokens = capacity
local kept = redis.call('GET', KEYS[1])
if kept then
  local had, since = string.match(kept, '^(%S+) (%S+)$')
  tokens = math.min(capacity, had + math.max(0, now - since) * capacity / 60)
end
if wanted > tokens then
  return tostring(tokens)
end
tokens = math.min(capacity, tokens - wanted)
redis.call('SET', KEYS[1], string.format('%.6f %.6f', tokens, now), 'EX', 61)
return 'taken'
"""
_DIGEST = hashlib.sha1(_SCRIPT.encode(), usedforsecurity=False).hexdigest()


class SharedLimit:
    def __init__(self, name: str, own: RateLimit, cache: Cache | None) -> None:
        self._name = name
        self._own = own
        self._cache = cache

    async def take(self, client: str) -> int:
        """Gives 0 if the client may go on, else the seconds after which it may."""
        if self._cache is None or not self._own.per_minute:
            return self._own.take(client)
        try:
            answer = await self._run(self._cache, client, 1)
        except CacheAway:
            return self._own.take(client)
        return 0 if answer == b"taken" else max(1, math.ceil((1 - float(answer)) * MINUTE / self._own.per_minute))

    async def give_back(self, client: str) -> None:
        """Gives a token back, since what it was taken for turned out not to count."""
        if self._cache is None or not self._own.per_minute:
            self._own.give_back(client)
            return
        try:
            await self._run(self._cache, client, -1)
        except CacheAway:
            self._own.give_back(client)

    async def _run(self, cache: Cache, client: str, tokens: int) -> bytes:
        # No address stands in the cache, and no key is longer than this.
        key = f"{self._name}:{hashlib.sha256(client.encode()).hexdigest()[:32]}"
        arguments = (1, key, self._own.per_minute, tokens)
        try:
            [answer] = await cache.ask(("EVALSHA", _DIGEST, *arguments))
        except NoScriptError:
            [answer] = await cache.ask(("EVAL", _SCRIPT, *arguments))
        assert isinstance(answer, bytes)
        return answer
