"""A connection for a long-lived session: opened by one request, then bytes in both directions."""

from __future__ import annotations

import asyncio
import ssl

from counting_client.answer_parser import Answer, AnswerParser, GarbledAnswer, take_head
from counting_client.config import Target
from counting_client.lost import Lost, closed, too_late

_AT_ONCE = 64 * 1024


class Wire:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._came_early = bytearray()

    @classmethod
    async def open(cls, target: Target, tls: ssl.SSLContext | None, timeout: float) -> Wire:
        """Raises OSError when it cannot be had."""
        host, port = target.address
        async with asyncio.timeout(timeout):
            return cls(*await asyncio.open_connection(host, port, ssl=tls, server_hostname=target.host if tls else None))

    async def ask(self, request: bytes, wanted: int, timeout: float) -> Answer:
        """The head alone where the status is the wanted one, else the whole answer. Raises Lost."""
        self._writer.write(request)
        try:
            async with asyncio.timeout(timeout):
                return await self._answer(wanted)
        except TimeoutError:
            raise too_late(timeout) from None
        except GarbledAnswer as error:
            raise Lost("garbled", str(error)) from error

    async def read(self) -> bytes:
        """What comes next. Raises Lost when nothing will."""
        if self._came_early:
            data = bytes(self._came_early)
            self._came_early.clear()
            return data
        try:
            data = await self._reader.read(_AT_ONCE)
        except OSError as error:
            raise closed(error, "during the session") from error
        if not data:
            raise closed(None, "during the session")
        return data

    def write(self, data: bytes) -> None:
        self._writer.write(data)

    def close(self) -> None:
        self._writer.transport.abort()

    async def _answer(self, wanted: int) -> Answer:
        received = bytearray()
        while True:
            received += await self._read_answer(begun=bool(received))
            rest = bytearray(received)
            head = take_head(rest)
            if head is None:
                continue
            if head[0] == wanted:
                self._came_early = rest
                return Answer(*head, b"", keep_alive=True)
            return await self._whole_answer(bytes(received))

    async def _whole_answer(self, received: bytes) -> Answer:
        parser = AnswerParser()
        answer = parser.feed(received)
        while answer is None:
            try:
                answer = parser.feed(await self._read_answer(begun=True))
            except Lost:
                answer = parser.closed()
                if answer is None:
                    raise
        return answer

    async def _read_answer(self, begun: bool) -> bytes:
        after = "in the middle of the answer" if begun else "before any answer"
        try:
            data = await self._reader.read(_AT_ONCE)
        except OSError as error:
            raise closed(error, after) from error
        if not data:
            raise closed(None, after)
        return data
