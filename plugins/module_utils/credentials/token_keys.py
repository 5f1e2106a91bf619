"""The keys of an application's tokens: the present one signs, the next one is being made known, and the one before counts for a while."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

CURRENT, NEXT, BEFORE, BEFORE_UNTIL = "token_key", "token_key_next", "token_key_before", "token_key_before_until"


@dataclass(frozen=True)
class TokenKeys:
    """`until` is when tokens of the key before stop being accepted, in seconds since 1970."""

    current: str
    next: str = ""
    before: str = ""
    until: int = 0

    @classmethod
    def of(cls, values: Mapping[str, str]) -> TokenKeys:
        """Reads the keys from the environment's secrets, `values`."""
        return cls(values[CURRENT], values.get(NEXT, ""), values.get(BEFORE, ""), int(values.get(BEFORE_UNTIL, 0)))

    def counts_before(self, now: float) -> bool:
        return bool(self.before) and now < self.until

    @property
    def by_id(self) -> dict[str, str]:
        """All keys that are accepted, by their ids."""
        return {key_id(key): key for key in (self.current, self.next, self.before) if key}

    @property
    def document(self) -> str:
        """Gives the document that an application reads. It holds every key that is accepted and names the one that signs."""
        until = {key_id(self.before): self.until} if self.before else {}
        return json.dumps({"current": key_id(self.current), "keys": self.by_id, "until": until}, sort_keys=True)


def expired(values: Mapping[str, str], now: float) -> list[str]:
    """Names of what is kept of a key before that counts no more."""
    over = BEFORE in values and not TokenKeys.of(values).counts_before(now)
    return [name for name in (BEFORE, BEFORE_UNTIL) if over and name in values]


def key_id(key: str) -> str:
    """The application derives the same one. It stands in every token and gives nothing away."""
    return hashlib.sha256(base64.b64decode(key)).hexdigest()[:16]
