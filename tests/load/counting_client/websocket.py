"""A WebSocket of text messages over an opened wire."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque

from counting_client.lost import Lost
from counting_client.websocket_frames import Frame, FrameReader, GarbledFrame, Opcode, client_frame, close_payload
from counting_client.wire import Wire

_NORMAL_CLOSURE = 1000
_FAREWELL = 1.0


class WebSocket:
    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._frames = FrameReader()
        self._messages: deque[str] = deque()

    def send(self, text: str) -> None:
        self._wire.write(client_frame(Opcode.TEXT, text.encode()))

    async def receive(self) -> str:
        """The next message. May be cancelled: nothing that came is forgotten. Raises Lost."""
        while not self._messages:
            try:
                for frame in self._frames.feed(await self._wire.read()):
                    self._handle(frame)
            except GarbledFrame as error:
                raise Lost("garbled", str(error)) from error
        return self._messages.popleft()

    async def close(self) -> None:
        """Says farewell and gives the peer a moment for its own."""
        self._wire.write(client_frame(Opcode.CLOSE, close_payload(_NORMAL_CLOSURE)))
        with contextlib.suppress(Lost, TimeoutError):
            async with asyncio.timeout(_FAREWELL):
                while True:
                    await self._wire.read()

    def _handle(self, frame: Frame) -> None:
        match frame.opcode:
            case Opcode.TEXT:
                self._messages.append(frame.payload.decode("utf-8", "replace"))
            case Opcode.PING:
                self._wire.write(client_frame(Opcode.PONG, frame.payload))
            case Opcode.PONG:
                pass
            case Opcode.CLOSE:
                raise Lost("closed", f"the peer closed the session with code {frame.close_code}")
            case _:
                raise GarbledFrame(f"a {frame.opcode.name} frame")
