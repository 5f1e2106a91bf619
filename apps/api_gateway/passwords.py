"""Passwords are kept as bcrypt hashes. Hashing takes long on purpose, so few run at a time and none on the event loop.

Logins and registrations have a lane each: however many register, a login waits for other logins only.
"""

from __future__ import annotations

import os

import bcrypt

from api_gateway.lane import Lane

# bcrypt looks at no more bytes of a password than this.
MOST_BYTES = 72
# A hash takes about a quarter of a second: whoever is let in waits a few seconds at most.
_MOST_LOGINS_WAITING = 32
_MOST_REGISTRATIONS_WAITING = 16


class Passwords:
    def __init__(self, cost: int) -> None:
        self._cost = cost
        self._logins = Lane(max(1, os.cpu_count() or 1), _MOST_LOGINS_WAITING)
        # One at a time: the other processors are left for logins.
        self._registrations = Lane(1, _MOST_REGISTRATIONS_WAITING)
        # Compared with when there is no such account, so that the time an answer takes does not tell.
        self._nobody = bcrypt.hashpw(os.urandom(16).hex().encode(), bcrypt.gensalt(cost))

    async def hash(self, password: str) -> str:
        """Raises LaneFull."""
        hashed = await self._registrations.run(bcrypt.hashpw, password.encode(), bcrypt.gensalt(self._cost))
        return hashed.decode()

    async def fits(self, password: str, hashed: str | None) -> bool:
        """Raises LaneFull."""
        known = hashed.encode() if hashed else self._nobody
        return await self._logins.run(bcrypt.checkpw, password.encode(), known) and hashed is not None
