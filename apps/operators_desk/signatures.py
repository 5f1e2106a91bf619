"""What the desk hands out and wants back unchanged is signed."""

from __future__ import annotations

import base64
import hashlib
import hmac
from pathlib import Path


class SigningKey:
    """Read from its file each time, so that a renewed key needs no restart."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def sign(self, text: str) -> str:
        digest = hmac.digest(self._file.read_bytes().strip(), text.encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")

    def signed(self, text: str, signature: str) -> bool:
        return hmac.compare_digest(self.sign(text).encode(), signature.encode())
