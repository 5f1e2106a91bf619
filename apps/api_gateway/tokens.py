"""Tokens say who is calling. The keys are the environment's, so a token of one colour is good in the other."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import jwt

from orders import utc
from orders.credentials import SigningKeys

ALGORITHM = "HS256"
# An unknown key id may be one that was made after we last looked.
_SECONDS_BETWEEN_LOOKS = 30.0


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
        keys = self._keys
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

    def _key(self, key_id: str) -> bytes:
        key = self._keys.keys.get(key_id) or self._look_again().keys.get(key_id)
        if key is None:
            raise BadToken("the token was signed with an unknown key")
        return key

    def _look_again(self) -> SigningKeys:
        with self._lock:
            if time.monotonic() - self._looked_at >= _SECONDS_BETWEEN_LOOKS:
                self._keys = self._load_keys()
                self._looked_at = time.monotonic()
            return self._keys
