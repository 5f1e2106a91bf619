"""A run as those see it who take part in it."""

from __future__ import annotations

import asyncio
import contextlib
import time

from counting_client.config import ClientConfig
from counting_client.tally import Tally


class Course:
    def __init__(self, config: ClientConfig, tally: Tally, ended: asyncio.Event) -> None:
        self.config = config
        self.tally = tally
        self.tls = config.target.tls()
        self._ended = ended

    @property
    def over(self) -> bool:
        return self._ended.is_set()

    @property
    def left(self) -> float:
        """Seconds until the planned end."""
        return 0.0 if self.over else max(0.0, self.tally.began + self.config.seconds - time.monotonic())

    async def pause(self, seconds: float) -> None:
        """Shorter when the run ends."""
        if seconds > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), seconds)

    async def ended(self) -> None:
        await self._ended.wait()
