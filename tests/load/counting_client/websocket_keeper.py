"""A visitor with a WebSocket: every so often a message, and each of them wants its echo."""

from __future__ import annotations

import asyncio
import base64
import os
import time
from typing import ClassVar

from counting_client.answer_parser import SWITCHING_PROTOCOLS, Answer
from counting_client.course import Course
from counting_client.lost import Lost, too_late
from counting_client.session import SessionKeeper
from counting_client.websocket import WebSocket
from counting_client.websocket_frames import acceptance
from counting_client.wire import Wire

# The kind of its messages; they have ids of their own and are accounted for like requests.
MESSAGE = "message"


class WebSocketKeeper(SessionKeeper):
    kind: ClassVar[str] = "websocket"
    opened_by: ClassVar[int] = SWITCHING_PROTOCOLS

    def __init__(self, number: int, course: Course) -> None:
        super().__init__(number, course)
        self._key = ""

    @property
    def path(self) -> str:
        return self.course.config.websocket_path

    def headers(self) -> dict[str, str]:
        self._key = base64.b64encode(os.urandom(16)).decode()
        return {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": self._key}

    def objection(self, answer: Answer) -> str:
        return "" if answer.headers.get("sec-websocket-accept") == acceptance(self._key) else "Sec-WebSocket-Accept does not fit"

    async def hold(self, wire: Wire) -> None:
        socket = WebSocket(wire)
        every = self.course.config.message_every
        # Not all at the same time.
        await self._listen(socket, every * (self.number % 10) / 10)
        while not self.course.over:
            await self._converse(socket)
            await self._listen(socket, every)
        await socket.close()

    async def _converse(self, socket: WebSocket) -> None:
        timeout = self.course.config.timeout
        request = self.tally.begin(MESSAGE, self.name)
        sent = time.monotonic()
        socket.send(request.id)
        try:
            async with asyncio.timeout(timeout):
                echo = await socket.receive()
        except (Lost, TimeoutError) as error:
            loss = error if isinstance(error, Lost) else too_late(timeout)
            self.tally.count_loss(request, loss.reason, loss.detail)
            raise loss from error
        self.tally.count_echo(request, echo, sent, time.monotonic())

    async def _listen(self, socket: WebSocket, seconds: float) -> None:
        """Whatever comes now was not asked for."""
        until = time.monotonic() + seconds
        while not self.course.over and (left := until - time.monotonic()) > 0:
            if await self.unless_over(socket.receive(), left) is not None:
                self.tally.count_unasked_answer(MESSAGE, self.name)
