"""Waits for what announces itself to nobody: the only way to learn of it is to look again and again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Protocol

_SECONDS_BETWEEN_LOOKS = 0.2


class Clock(Protocol):
    """What the module `time` offers; a test passes a clock of its own and waits for nothing."""

    def monotonic(self) -> float: ...

    def sleep(self, seconds: float, /) -> None: ...


def wait_until(condition: Callable[[], bool], seconds: float, *, interval: float = _SECONDS_BETWEEN_LOOKS, clock: Clock = time) -> bool:
    """Says whether the condition came true in time. The caller knows best what to say where it did not."""
    return any(condition() for _look in looks(seconds, interval=interval, clock=clock))


def looks(seconds: float, *, interval: float = _SECONDS_BETWEEN_LOOKS, clock: Clock = time) -> Iterator[float]:
    """Yields once for each look and sleeps in between; the value is the seconds that are left.

    There is always a first look, and a last one when the time is over. The caller leaves the loop when it has seen what it awaits, so
    the end of the loop means that it waited in vain.
    """
    end = clock.monotonic() + seconds
    while True:
        left = max(0.0, end - clock.monotonic())
        yield left
        left = end - clock.monotonic()
        if left <= 0:
            return
        clock.sleep(min(interval, left))
