"""Logins that can be refreshed. A refresh token works once and gives the next one; one that comes a second time ends its session.

Nothing of it is signed: the database alone knows which token counts, so it is the same in both colours and outlives a rotation of keys.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import logging
import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, insert, select, update

from orders import utc
from orders.database import Database
from orders.tables import sessions

log = logging.getLogger("api_gateway")

_ID_BYTES = 16
_SECRET_BYTES = 32


class SessionOver(Exception):
    """The session expired, was ended, or never was."""


@dataclass(frozen=True)
class RefreshToken:
    """As a text: the session's id and a secret."""

    session_id: uuid.UUID
    secret: bytes

    @classmethod
    def new(cls, session_id: uuid.UUID) -> RefreshToken:
        return cls(session_id, secrets.token_bytes(_SECRET_BYTES))

    @classmethod
    def parse(cls, text: str) -> RefreshToken:
        try:
            content = base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True)
        except (UnicodeEncodeError, binascii.Error):
            content = b""
        if len(content) != _ID_BYTES + _SECRET_BYTES:
            raise SessionOver("this is no refresh token")
        return cls(uuid.UUID(bytes=content[:_ID_BYTES]), content[_ID_BYTES:])

    @property
    def text(self) -> str:
        return base64.urlsafe_b64encode(self.session_id.bytes + self.secret).decode()

    @property
    def secret_hash(self) -> str:
        return hashlib.sha256(self.secret).hexdigest()


@dataclass(frozen=True)
class Refreshed:
    user_id: str
    token: RefreshToken
    # Of the session: however often it is refreshed, it ends when it was to end at its login.
    expires_at: datetime


class Sessions:
    def __init__(self, database: Database, seconds: int) -> None:
        self._database = database
        self._lifetime = timedelta(seconds=seconds)

    def open(self, user_id: str) -> Refreshed:
        token = RefreshToken.new(uuid.uuid4())
        expires_at = (utc.now() + self._lifetime).replace(microsecond=0)
        row = {
            "id": str(token.session_id),
            "user_id": user_id,
            "secret_hash": token.secret_hash,
            "created_at": utc.now(),
            "expires_at": expires_at,
        }

        def work(connection: Connection) -> None:
            # It is there already if the answer to an earlier commit was lost.
            if connection.scalar(select(sessions.c.id).where(sessions.c.id == row["id"])) is None:
                connection.execute(insert(sessions).values(row))

        self._database.transaction(work)
        return Refreshed(user_id, token, expires_at)

    def refresh(self, text: str) -> Refreshed:
        """Raises SessionOver."""
        given = RefreshToken.parse(text)
        following = RefreshToken.new(given.session_id)
        mine = sessions.c.id == str(given.session_id)

        def work(connection: Connection) -> Refreshed | None:
            # Of two that come with one token the second waits here, and comes too late.
            row = connection.execute(select(sessions).where(mine).with_for_update()).first()
            if row is None or row.ended_at is not None or row.expires_at <= utc.now():
                return None
            if hmac.compare_digest(row.secret_hash, given.secret_hash):
                connection.execute(update(sessions).where(mine).values(secret_hash=following.secret_hash))
            elif not hmac.compare_digest(row.secret_hash, following.secret_hash):
                # Somebody else has used it: its owner, or whoever stole it. Nobody can tell which of the two this is.
                connection.execute(update(sessions).where(mine).values(ended_at=utc.now()))
                log.warning("session %s ends: one of its refresh tokens came a second time", given.session_id)
                return None
            return Refreshed(row.user_id, following, row.expires_at)

        refreshed = self._database.transaction(work)
        if refreshed is None:
            raise SessionOver("the session is over")
        return refreshed

    def end(self, text: str) -> None:
        """Any token of the session ends it, also one that was used before. What is no token ends nothing."""
        try:
            given = RefreshToken.parse(text)
        except SessionOver:
            return
        mine = (sessions.c.id == str(given.session_id)) & sessions.c.ended_at.is_(None)
        self._database.transaction(lambda connection: connection.execute(update(sessions).where(mine).values(ended_at=utc.now())))
