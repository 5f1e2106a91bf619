"""A minimal real colour: gateway and front end as TLS servers of this process, which tell what reached them."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_WEBSOCKET_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_REASONS = {200: "OK", 202: "Accepted", 503: "Service Unavailable"}
PORT = 8443


@dataclass
class Request:
    service: str
    method: str
    path: str
    headers: Mapping[str, str]
    body: str


@dataclass
class ColourUnderTest:
    """Answers every request with a JSON description of it. `statuses` sets other answers by path."""

    name: str
    addresses: Mapping[str, str]
    tls_folder: Path
    statuses: dict[str, int] = field(default_factory=dict)
    release: str = "1.0.0-test"
    requests: list[Request] = field(default_factory=list)
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self._thread.start()
        assert started.wait(10), f"{self.name} did not start"

    def stop(self) -> None:
        if self._thread is None:
            return
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._thread = None

    def _run(self, started: threading.Event) -> None:
        self._loop = asyncio.new_event_loop()
        servers = [self._loop.run_until_complete(self._serve(service, address)) for service, address in self.addresses.items()]
        self._loop.call_soon(started.set)
        self._loop.run_forever()
        for server in servers:
            server.close()
        self._loop.run_until_complete(self._hang_up())
        self._loop.close()

    async def _hang_up(self) -> None:
        connections = asyncio.all_tasks() - {asyncio.current_task()}
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    async def _serve(self, service: str, address: str) -> asyncio.Server:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.tls_folder / "tls.crt", self.tls_folder / "tls.key")

        async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                while await self._exchange(service, reader, writer):
                    pass
            except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
                pass
            finally:
                writer.close()

        return await asyncio.start_server(connection, address, PORT, ssl=context, backlog=1024)

    async def _exchange(self, service: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        request = Request(service, method, path, headers, body.decode())
        self.requests.append(request)
        if headers.get("upgrade") == "websocket":
            await self._echo_frames(headers["sec-websocket-key"], reader, writer)
            return False
        if path == "/api/events":
            await self._send_events(reader, writer)
            return False
        self._answer(request, writer)
        await writer.drain()
        return True

    def _answer(self, request: Request, writer: asyncio.StreamWriter) -> None:
        status = self.statuses.get(request.path, 200)
        seen: dict[str, Any] = {
            "colour": self.name,
            "release": self.release,
            "version": "1.0.0",
            "schema": {"expand": "0002", "contract": None},
        }
        seen |= {
            "service": request.service,
            "method": request.method,
            "path": request.path,
            "headers": dict(request.headers),
            "body": request.body,
        }
        content = json.dumps(seen).encode()
        writer.write(
            f"HTTP/1.1 {status} {_REASONS[status]}\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n"
            f"X-Echobase-Colour: {self.name}\r\nX-Echobase-Release: {self.release}\r\n"
            f"X-Request-Id: {request.headers.get('x-request-id', '')}\r\n\r\n".encode()
            + content
        )

    async def _echo_frames(self, key: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accept = base64.b64encode(hashlib.sha1((key + _WEBSOCKET_GUID).encode()).digest()).decode()
        head = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Accept: {accept}"]
        writer.write("\r\n".join([*head, "", ""]).encode())
        await writer.drain()
        # What travels after the upgrade is none of the edge's business: any bytes come back.
        while data := await reader.read(1024):
            writer.write(data)
            await writer.drain()

    async def _send_events(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One event at once; the answer ends when the client leaves."""
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nX-Accel-Buffering: no\r\nConnection: close\r\n\r\ndata: first\n\n"
        )
        await writer.drain()
        await reader.read()


@contextmanager
def running_colour(facts: Mapping[str, Any], name: str) -> Iterator[ColourUnderTest]:
    """Its addresses must be this machine's, as those of network prefix 127.x are."""
    place = facts["colours"][name]
    addresses = {"gateway": place["gateway_address"], "frontend": place["frontend_address"]}
    colour = ColourUnderTest(name, addresses, Path(facts["home"]) / "tls" / name)
    colour.start()
    try:
        yield colour
    finally:
        colour.stop()
