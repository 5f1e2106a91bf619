"""How late the event loop runs: above a few milliseconds the client measures itself."""

from __future__ import annotations

import asyncio

_EVERY = 0.02


class LoopWatch:
    def __init__(self) -> None:
        self.longest_lag = 0.0

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + _EVERY
            await asyncio.sleep(_EVERY)
            self.longest_lag = max(self.longest_lag, loop.time() - due)
