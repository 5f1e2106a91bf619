"""What may become of an order that is handled."""

from __future__ import annotations

from enum import Enum, auto


class Result(Enum):
    PROCESSED = auto()
    FAILED = auto()
    # It will be tried again later.
    POSTPONED = auto()
