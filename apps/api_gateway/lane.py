"""Work that occupies a processor: a few pieces at a time, a few more wait, and whoever comes then is sent away at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, TypeVarTuple, Unpack

from anyio import CapacityLimiter, to_thread

Answer = TypeVar("Answer")
Arguments = TypeVarTuple("Arguments")


class LaneFull(Exception):
    """As many wait already as may wait."""


class Lane:
    """What waits in one lane holds nobody up in another: each has workers of its own."""

    def __init__(self, workers: int, most_waiting: int) -> None:
        self._limiter = CapacityLimiter(workers)
        self._most = workers + most_waiting
        self._inside = 0

    async def run(self, work: Callable[[Unpack[Arguments]], Answer], *arguments: *Arguments) -> Answer:
        if self._inside >= self._most:
            raise LaneFull
        self._inside += 1
        try:
            return await to_thread.run_sync(work, *arguments, limiter=self._limiter)
        finally:
            self._inside -= 1
