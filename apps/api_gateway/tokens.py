"""Tokens say who is calling. The keys are the environment's, so a token of one colour is good in the other."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import jwt

from orders import utc
from orders.credentials import SigningKeys

log = logging.getLogger("api_gateway")

ALGORITHM = "HS256"
# Keys may be rotated at any time, and whoever rotates them waits until we say that we know.
_SECONDS_BETWEEN_LOOKS = 2.0


class BadToken(Exception):
    """Not signed by us, expired, or no token at all."""


@dataclass(frozen=True)
class Token:
    text: str
    expires_at: datetime


class Tokens:
    def __init__(self, load_keys: Callable[[], SigningKeys], seconds: int) -> None:
        self._load_keys = load_keys
        self._lifetime = timedelta(seconds=seconds)
        self._lock = threading.Lock()
        self._keys = load_keys()
        self._looked_at = time.monotonic()

    def issue(self, user_id: str) -> Token:
        keys = self.keys
        expires_at = (utc.now() + self._lifetime).replace(microsecond=0)
        claims = {"sub": user_id, "iat": utc.now(), "exp": expires_at}
        return Token(jwt.encode(claims, keys.signing_key, ALGORITHM, headers={"kid": keys.current}), expires_at)

    def user_id(self, text: str) -> str:
        try:
            key = self._key(str(jwt.get_unverified_header(text).get("kid", "")))
            claims = jwt.decode(text, key, algorithms=[ALGORITHM], options={"require": ["sub", "exp"]})
        except jwt.InvalidTokenError as error:
            raise BadToken(str(error)) from error
        return str(claims["sub"])

    @property
    def keys(self) -> SigningKeys:
        """Nobody waits when it is time to look again: the present keys serve on until that look has an answer."""
        if self._may_look and not self._lock.locked():
            threading.Thread(target=self._look_again, name="token keys", daemon=True).start()
        return self._keys

    def _key(self, key_id: str) -> bytes:
        key = self.keys.accepted(time.time()).get(key_id)
        if key is None:
            raise BadToken("the token was signed with a key that is unknown, or counts no more")
        return key

    @property
    def _may_look(self) -> bool:
        return time.monotonic() - self._looked_at >= _SECONDS_BETWEEN_LOOKS

    def _look_again(self) -> None:
        with self._lock:
            if not self._may_look:
                return
            try:
                self._keys = self._load_keys()
            except (OSError, ValueError, KeyError) as error:
                # Those that we have are as good as ever.
                log.warning("the keys of tokens cannot be read again: %s", error)
            self._looked_at = time.monotonic()
