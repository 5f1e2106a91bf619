"""Tells a repeated request from a new one, without keeping anything from which the request could be read."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass


@dataclass(frozen=True)
class RequestPrint:
    """The key as a hash; the body as a code that can be checked only by who has the key."""

    key_hash: str
    body_mac: str

    @classmethod
    def of(cls, key: str, body: object) -> RequestPrint:
        canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        return cls(
            key_hash=hashlib.sha256(key.encode()).hexdigest(),
            body_mac=hmac.new(key.encode(), canonical, hashlib.sha256).hexdigest(),
        )

    def same_body(self, body_mac: str) -> bool:
        return hmac.compare_digest(self.body_mac, body_mac)
