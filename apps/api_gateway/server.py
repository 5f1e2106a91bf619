"""uvicorn, but it leaves as soon as every request is answered."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence

import uvicorn

# Idle TLS connections get this long to say goodbye; a caller that is slow to do so is no reason to stay.
_GOODBYE_SECONDS = 1.0
_SECONDS_BETWEEN_LOOKS = 0.05


class Server(uvicorn.Server):
    """`plain_sockets` are served without TLS; everything else, and the end, is the same for both."""

    def __init__(self, config: uvicorn.Config, plain_sockets: Sequence[socket.socket] = ()) -> None:
        super().__init__(config)
        self._plain_sockets = plain_sockets

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        loop = asyncio.get_running_loop()
        for plain in self._plain_sockets if self.started else ():
            self.servers.append(await loop.create_server(self._protocol, sock=plain, backlog=self.config.backlog))

    def _protocol(self) -> asyncio.Protocol:
        protocol: asyncio.Protocol = self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return protocol

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
