"""Makes accounted attempts over one keep-alive connection, which it reopens when it must."""

from __future__ import annotations

import math
import ssl
import time
from collections.abc import Awaitable, Callable

from counting_client.answer_parser import Answer
from counting_client.config import Target
from counting_client.connection import Connection
from counting_client.lost import Lost
from counting_client.reconnecting import open_patiently
from counting_client.tally import Request, Tally

# Sends the request and returns its answer, or raises Lost.
Exchange = Callable[[Connection, Request], Awaitable[Answer]]


class Caller:
    def __init__(self, kind: str, number: int, *, target: Target, tls: ssl.SSLContext | None, tally: Tally, timeout: float) -> None:
        self.name = f"{kind} {number}"
        self._kind = kind
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
        return await self.exchange(lambda connection, request: connection.exchange(build(request), self._timeout), pause, patience)

    async def exchange(self, exchange: Exchange, pause: float = 0.0, patience: float = math.inf) -> Answer | None:
        """The same, for a request that is sent in a way of its own."""
        connection, reopened = await self._open_connection(patience)
        request = self._tally.begin(self._kind, self.name, pause, reopened)
        try:
            answer = await exchange(connection, request)
        except Lost as loss:
            self._tally.count_loss(request, loss.reason, f"{loss.detail}, after a pause of {pause:.1f} s")
            return None
        self._tally.count_answer(request, answer, connection.sent, time.monotonic(), connection.sent_whole)
        return answer

    async def _open_connection(self, patience: float) -> tuple[Connection, bool]:
        """Also whether it had to be opened anew."""
        if self._connection is not None and self._connection.usable:
            return self._connection, False
        again = self._opened
        self.close()
        self._connection = await open_patiently(
            lambda: Connection.open(self._target, self._tls, self._timeout), self._tally, self._kind, self.name, patience
        )
        self._opened = True
        if again:
            self._tally.count_reopened(self._kind)
        return self._connection, again

    def close(self) -> None:
        if self._connection is not None:
            for _ in range(self._connection.unasked):
                self._tally.count_unasked_answer(self._kind, self.name)
            self._connection.close()
            self._connection = None
