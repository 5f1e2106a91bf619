"""Preview tokens: whoever holds one sees one colour of one environment, until it expires.

The twin of the collection's module_utils/colours/preview.py; a unit test holds them together.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from operators_desk.signatures import SigningKey

COLOURS = ("blue", "green")
_TOKEN = re.compile(r"(blue|green)\.(\d{1,12})\.([A-Za-z0-9_-]{43})")


class Previews:
    def __init__(self, environment: str, key: SigningKey, clock: Callable[[], float] = time.time) -> None:
        self._environment = environment
        self._key = key
        self._clock = clock

    def token(self, colour: str, seconds: int) -> str:
        expiry = str(int(self._clock()) + seconds)
        return f"{colour}.{expiry}.{self._key.sign(self._text(colour, expiry))}"

    def colour(self, token: str) -> str:
        """Gives the token's colour; empty unless the token is ours and still good."""
        found = _TOKEN.fullmatch(token)
        if found is None:
            return ""
        colour, expiry, signature = found.groups()
        if not self._key.signed(self._text(colour, expiry), signature):
            return ""
        return colour if self._clock() < int(expiry) else ""

    def seconds_left(self, token: str) -> int:
        """Gives for how many more seconds a good token is good."""
        return max(0, int(token.split(".")[1]) - int(self._clock()))

    def _text(self, colour: str, expiry: str) -> str:
        return f"{self._environment}|{colour}|{expiry}"
