"""One keep-alive connection: at most one request is out at any time."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Iterable
from typing import cast

from counting_client.answer_parser import Answer, AnswerParser, GarbledAnswer
from counting_client.config import Target
from counting_client.lost import Lost, closed, too_late


class Connection(asyncio.Protocol):
    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._parser = AnswerParser()
        self._waiting: asyncio.Future[Answer] | None = None
        self.unasked = 0
        # When the first and the last byte of the latest request were handed over.
        self.sent = 0.0
        self.sent_whole = 0.0

    @classmethod
    async def open(cls, target: Target, tls: ssl.SSLContext | None, timeout: float) -> Connection:
        """Raises OSError (which timeouts and TLS errors are) when it cannot be had."""
        host, port = target.address
        name = target.host if tls else None
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(timeout):
            _, connection = await loop.create_connection(cls, host, port, ssl=tls, server_hostname=name)
        return connection

    @property
    def usable(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    async def exchange(self, request: bytes, timeout: float) -> Answer:
        waiting = self._begin(request)
        return await self._answer(waiting, timeout)

    async def exchange_slowly(self, head: bytes, pieces: Iterable[tuple[float, bytes]], timeout: float) -> Answer:
        """Each piece of the body after its pause. An answer that comes before the last piece ends the sending, and the connection."""
        waiting = self._begin(head)
        whole = await self._write_pieces(waiting, pieces)
        answer = await self._answer(waiting, timeout)
        if not whole:
            self.close()
        return answer

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self._waiting is None or self._waiting.done():
            self.unasked += 1
            self.close()
            return
        try:
            answer = self._parser.feed(data)
        except GarbledAnswer as error:
            self._fail(Lost("garbled", str(error)))
            self.close()
            return
        if answer is not None:
            self._succeed(answer)
            if self._parser.begun:
                self.unasked += 1
                self.close()

    def eof_received(self) -> bool:
        answer = self._parser.closed()
        if answer is not None:
            self._succeed(answer)
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        self._fail(closed(error, "in the middle of the answer" if self._parser.begun else "before any answer"))

    def _begin(self, request: bytes) -> asyncio.Future[Answer]:
        assert self._transport is not None, "exchange on a closed connection"
        waiting: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting = waiting
        self.sent = self.sent_whole = time.monotonic()
        self._transport.write(request)
        return waiting

    async def _write_pieces(self, waiting: asyncio.Future[Answer], pieces: Iterable[tuple[float, bytes]]) -> bool:
        for pause, piece in pieces:
            await asyncio.wait({waiting}, timeout=pause)
            if waiting.done() or self._transport is None:
                return False
            self.sent_whole = time.monotonic()
            self._transport.write(piece)
        return True

    async def _answer(self, waiting: asyncio.Future[Answer], timeout: float) -> Answer:
        expiry = asyncio.get_running_loop().call_later(timeout, self._expire, timeout)
        try:
            return await waiting
        finally:
            expiry.cancel()
            self._waiting = None

    def _expire(self, timeout: float) -> None:
        self._fail(too_late(timeout))
        self.close()

    def _succeed(self, answer: Answer) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(answer)
        if not answer.keep_alive:
            self.close()

    def _fail(self, loss: Lost) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(loss)
