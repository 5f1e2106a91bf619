"""A text sealed for one order: encrypted with a data key that travels with it, wrapped by the key service."""

from __future__ import annotations

import os
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

VERSION = 1
_NONCE_BYTES = 12
_LENGTH_BYTES = 2


class Unreadable(Exception):
    """The envelope is damaged, belongs to another order, or was sealed with another key."""


@dataclass(frozen=True)
class DataKey:
    plaintext: bytes
    wrapped: bytes


@dataclass(frozen=True)
class Envelope:
    """In bytes: version, length of the wrapped key, wrapped key, nonce, ciphertext with tag."""

    wrapped_key: bytes
    nonce: bytes
    ciphertext: bytes

    @classmethod
    def seal(cls, text: str, order_id: str, key: DataKey) -> Envelope:
        nonce = os.urandom(_NONCE_BYTES)
        return cls(key.wrapped, nonce, AESGCM(key.plaintext).encrypt(nonce, text.encode(), order_id.encode()))

    def open(self, order_id: str, plaintext_key: bytes) -> str:
        try:
            return AESGCM(plaintext_key).decrypt(self.nonce, self.ciphertext, order_id.encode()).decode()
        except InvalidTag:
            raise Unreadable(f"the note of order {order_id} does not open with its key") from None

    def to_bytes(self) -> bytes:
        length = len(self.wrapped_key).to_bytes(_LENGTH_BYTES, "big")
        return bytes([VERSION]) + length + self.wrapped_key + self.nonce + self.ciphertext

    @classmethod
    def from_bytes(cls, content: bytes) -> Envelope:
        header = 1 + _LENGTH_BYTES
        wrapped_end = header + int.from_bytes(content[1:header], "big")
        nonce_end = wrapped_end + _NONCE_BYTES
        if content[:1] != bytes([VERSION]) or len(content) <= nonce_end:
            raise Unreadable("this is no envelope of a known version")
        return cls(content[header:wrapped_end], content[wrapped_end:nonce_end], content[nonce_end:])
