"""Makes accounted attempts over one keep-alive connection, which it reopens when it must."""

from __future__ import annotations

import asyncio
import math
import ssl
import time
from collections.abc import Callable

from counting_client.answer_parser import Answer
from counting_client.config import Target
from counting_client.connection import Connection, Lost
from counting_client.tally import Request, Tally

_FIRST_WAIT = 0.02
_LONGEST_WAIT = 1.0


class Caller:
    def __init__(self, name: str, target: Target, tls: ssl.SSLContext | None, tally: Tally, timeout: float) -> None:
        self.name = name
        self._target = target
        self._tls = tls
        self._tally = tally
        self._timeout = timeout
        self._connection: Connection | None = None
        self._opened = False

    async def attempt(self, build: Callable[[Request], bytes], pause: float = 0.0, patience: float = math.inf) -> Answer | None:
        """The answer, or None for a loss; either is in the tally.

        Tries to connect for `patience` seconds, then raises the last OSError: nothing was sent.
        """
        connection, reopened = await self._open_connection(time.monotonic() + patience)
        request = self._tally.number(self.name, pause, reopened)
        message = build(request)
        self._tally.count_sent()
        sent = time.monotonic()
        try:
            answer = await connection.exchange(message, self._timeout)
        except Lost as loss:
            self._tally.count_loss(request, loss.reason, f"{loss.detail}, after a pause of {pause:.1f} s")
            return None
        self._tally.count_answer(request, answer, sent, time.monotonic())
        return answer

    async def _open_connection(self, until: float) -> tuple[Connection, bool]:
        """Also whether it had to be opened anew."""
        if self._connection is not None and self._connection.usable:
            return self._connection, False
        again = self._opened
        self.close()
        wait = _FIRST_WAIT
        while True:
            try:
                self._connection = await Connection.open(self._target, self._tls, self._timeout)
                break
            except OSError as error:
                self._tally.count_connect_failure(self.name, error)
                if time.monotonic() + wait > until:
                    raise
                await asyncio.sleep(wait)
                wait = min(wait * 2, _LONGEST_WAIT)
        self._opened = True
        if again:
            self._tally.count_reopened()
        return self._connection, again

    def close(self) -> None:
        if self._connection is not None:
            for _ in range(self._connection.unasked):
                self._tally.count_unasked_answer(self.name)
            self._connection.close()
            self._connection = None
