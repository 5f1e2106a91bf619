"""Opens a connection, however long that takes, and accounts for every failure to."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from counting_client.tally import Tally

_FIRST_WAIT = 0.02
_LONGEST_WAIT = 1.0
_Connection = TypeVar("_Connection")


async def open_patiently(
    attempt: Callable[[], Awaitable[_Connection]], tally: Tally, kind: str, name: str, patience: float = math.inf
) -> _Connection:
    """Tries for `patience` seconds, then raises the last OSError: nothing was sent."""
    until = time.monotonic() + patience
    wait = _FIRST_WAIT
    while True:
        try:
            return await attempt()
        except OSError as error:
            tally.count_connect_failure(kind, name, error)
            if time.monotonic() + wait > until:
                raise
            await asyncio.sleep(wait)
            wait = min(wait * 2, _LONGEST_WAIT)
