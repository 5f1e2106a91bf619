"""Tests await conditions instead of sleeping."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE_SECONDS = 60.0


def eventually(
    condition: Callable[[], T | None], what: str | Callable[[], str], patience: float = PATIENCE_SECONDS, interval: float = 0.05
) -> T:
    """Gives the condition's first true answer. `what` says what is awaited; a function finds that out once it was in vain."""
    end = time.monotonic() + patience
    while True:
        answer = condition()
        if answer:
            return answer
        assert time.monotonic() < end, f"still not so after {patience:g} s: {what if isinstance(what, str) else what()}"
        time.sleep(interval)
