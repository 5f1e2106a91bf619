"""Proves that a form was given out by us, lately, and to the very browser that sends it back."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from operators_desk.signatures import SigningKey

SECONDS = 3600
_TOKEN = re.compile(r"(\d{1,12})\.([A-Za-z0-9_-]{43})")


class FormTokens:
    def __init__(self, key: SigningKey, clock: Callable[[], float] = time.time) -> None:
        self._key = key
        self._clock = clock

    def issue(self, purpose: str, holder: str) -> str:
        """`holder` is a value that only this browser has in a cookie."""
        expiry = str(int(self._clock()) + SECONDS)
        return f"{expiry}.{self._key.sign(f'{purpose}|{holder}|{expiry}')}"

    def fits(self, token: str, purpose: str, holder: str) -> bool:
        found = _TOKEN.fullmatch(token)
        if found is None or not holder:
            return False
        expiry, signature = found.groups()
        return self._key.signed(f"{purpose}|{holder}|{expiry}", signature) and self._clock() < int(expiry)
