"""Passwords are kept as bcrypt hashes. Hashing takes long on purpose, so few run at a time and none on the event loop."""

from __future__ import annotations

import os

import bcrypt
from anyio import CapacityLimiter, to_thread

# bcrypt looks at no more.
MOST_BYTES = 72


class Passwords:
    def __init__(self, cost: int) -> None:
        self._cost = cost
        self._limiter = CapacityLimiter(max(1, os.cpu_count() or 1))
        # Compared with when there is no such account, so that the time an answer takes does not tell.
        self._nobody = bcrypt.hashpw(os.urandom(16).hex().encode(), bcrypt.gensalt(cost))

    async def hash(self, password: str) -> str:
        hashed = await to_thread.run_sync(bcrypt.hashpw, password.encode(), bcrypt.gensalt(self._cost), limiter=self._limiter)
        return hashed.decode()

    async def fits(self, password: str, hashed: str | None) -> bool:
        known = hashed.encode() if hashed else self._nobody
        return await to_thread.run_sync(bcrypt.checkpw, password.encode(), known, limiter=self._limiter) and hashed is not None
