"""The one kind of error a user is meant to see."""

from __future__ import annotations

from typing import Any


class Refusal(Exception):
    """We will not or cannot go on: what is wrong and where, then what to do about it."""

    def __init__(self, cause: str, remedy: str, **facts: Any) -> None:
        super().__init__(f"{cause} - {remedy}")
        self.cause = cause
        self.remedy = remedy
        # For whoever catches it, or runs the module, and decides by more than words.
        self.facts = facts
