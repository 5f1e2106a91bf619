"""One keep-alive connection: at most one request is out at any time."""

from __future__ import annotations

import asyncio
import ssl
from typing import cast

from counting_client.answer_parser import Answer, AnswerParser, GarbledAnswer
from counting_client.config import Target


class Lost(Exception):
    """The request was handed to the socket and no whole answer came back."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class Connection(asyncio.Protocol):
    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._parser = AnswerParser()
        self._waiting: asyncio.Future[Answer] | None = None
        self.unasked = 0

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
        assert self._transport is not None, "exchange on a closed connection"
        loop = asyncio.get_running_loop()
        waiting: asyncio.Future[Answer] = loop.create_future()
        self._waiting = waiting
        expiry = loop.call_later(timeout, self._expire, timeout)
        self._transport.write(request)
        try:
            return await waiting
        finally:
            expiry.cancel()
            self._waiting = None

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
        after = "in the middle of the answer" if self._parser.begun else "before any answer"
        if error is None:
            self._fail(Lost("closed", f"the peer closed the connection {after}"))
        else:
            self._fail(Lost("reset", f"{error} {after}"))

    def _expire(self, timeout: float) -> None:
        self._fail(Lost("timeout", f"no answer within {timeout:g} s"))
        self.close()

    def _succeed(self, answer: Answer) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(answer)
        if not answer.keep_alive:
            self.close()

    def _fail(self, loss: Lost) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(loss)
