"""uvicorn, but it leaves as soon as every request is answered."""

from __future__ import annotations

import asyncio
import socket

import uvicorn

# Idle TLS connections get this long to say goodbye; a caller that is slow to do so is no reason to stay.
_GOODBYE_SECONDS = 1.0
_SECONDS_BETWEEN_LOOKS = 0.05


class Server(uvicorn.Server):
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        closing = asyncio.ensure_future(super().shutdown(sockets))
        # Its first steps: no new connections, no further request on the present ones.
        await asyncio.sleep(0)
        while self.server_state.tasks and not closing.done():
            await asyncio.sleep(_SECONDS_BETWEEN_LOOKS)
        await asyncio.wait({closing}, timeout=_GOODBYE_SECONDS)
        if not closing.done():
            closing.cancel()
            await asyncio.wait({closing})
            await self.lifespan.shutdown()
