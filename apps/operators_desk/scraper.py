"""Whoever fetches the edge's metrics: a program with a password of its own, which opens nothing else."""

from __future__ import annotations

import hmac
from pathlib import Path

NAME = "metrics"


class Scraper:
    """Its password is 32 random characters, so trying it needs no brake, and without one nobody keeps the scraper out by failing."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def fits(self, name: str, password: str) -> bool:
        """The file is read each time, so that a renewed password needs no restart."""
        if name != NAME:
            return False
        try:
            known = self._file.read_bytes().strip()
        except FileNotFoundError:
            # The secrets of an earlier version hold no such password.
            return False
        return known != b"" and hmac.compare_digest(password.encode(), known)
