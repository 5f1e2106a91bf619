"""A minimal real colour: gateway and front end as TLS servers of this process, which tell what reached them."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.application.settings import Settings

_WEBSOCKET_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
PORT = 8443
_PIECE = 1 << 16


@dataclass
class Request:
    service: str
    method: str
    path: str
    headers: Mapping[str, str]
    body: str
    # Every header as it came, repeated ones too.
    header_lines: tuple[str, ...] = ()


def never_fails(_: Request) -> str:
    return ""


@dataclass
class ColourUnderTest:
    """Answers every request with a JSON description of it. `statuses` sets other answers by path."""

    name: str
    addresses: Mapping[str, str]
    tls_folder: Path
    statuses: dict[str, int] = field(default_factory=dict)
    release: str = "1.0.0-test"
    in_flight: int = 0
    requests: list[Request] = field(default_factory=list)
    # The paths of the requests whose head has arrived.
    begun: list[str] = field(default_factory=list)
    # How a request fails: "reset", "hang" or a status. Those that did are in `failed`.
    failure: Callable[[Request], str] = never_fails
    failed: list[Request] = field(default_factory=list)
    # Further headers of every answer, and further bytes by path.
    headers: dict[str, str] = field(default_factory=dict)
    padding: dict[str, int] = field(default_factory=dict)
    # Answers are held back until the event is set, by path.
    held: dict[str, threading.Event] = field(default_factory=dict)
    # The requests whose answer has left but for what one buffer holds.
    sent: list[Request] = field(default_factory=list)
    port: int = PORT
    # Other ports than that one, by service; the services that speak plain HTTP; whether answers say which colour and release they are of.
    ports: Mapping[str, int] = field(default_factory=dict)
    plain: Collection[str] = ()
    tells_its_name: bool = True
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _thread: threading.Thread | None = None

    def forget(self) -> None:
        """Forgets the requests that were seen and the answers that a test had set."""
        for memory in (self.requests, self.begun, self.failed, self.sent):
            memory.clear()
        for instruction in (self.statuses, self.headers, self.padding, self.held):
            instruction.clear()
        self.failure = never_fails

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
        context = None
        if service not in self.plain:
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

        return await asyncio.start_server(connection, address, self.ports.get(service, self.port), ssl=context, backlog=1024)

    async def _exchange(self, service: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ")
        self.begun.append(path)
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        request = Request(service, method, path, headers, body.decode(), tuple(head[1:-2]))
        self.requests.append(request)
        if failure := self.failure(request):
            self.failed.append(request)
        if failure == "reset":
            _reset(writer)
            return False
        if failure == "hang":
            await reader.read()
            return False
        if failure:
            await self._answer(request, int(failure), writer)
        elif headers.get("upgrade") == "websocket" and "sec-websocket-key" in headers:
            await self._echo_frames(headers["sec-websocket-key"], reader, writer)
            return False
        elif path == "/api/events":
            await self._send_events(reader, writer)
            return False
        else:
            if path in self.held:
                await asyncio.to_thread(self.held[path].wait, 60)
            await self._answer(request, self.statuses.get(path, 200), writer)
        self.sent.append(request)
        return True

    async def _answer(self, request: Request, status: int, writer: asyncio.StreamWriter) -> None:
        seen: dict[str, Any] = {
            "colour": self.name,
            "release": self.release,
            "version": "1.0.0",
            "schema": {"expand": "0002", "contract": None},
            "in_flight": self.in_flight,
            # This counts as the front end's nginx does, for which the connection that asks is among those that it writes to.
            "reading": 0,
            "writing": self.in_flight + 1,
        }
        seen |= {
            "service": request.service,
            "method": request.method,
            "path": request.path,
            "headers": dict(request.headers),
            "body": request.body,
            "padding": "x" * self.padding.get(request.path, 0),
        }
        content = json.dumps(seen).encode()
        names = {"X-Echobase-Colour": self.name, "X-Echobase-Release": self.release} if self.tells_its_name else {}
        further = "".join(f"{name}: {value}\r\n" for name, value in {**names, **self.headers}.items())
        head = (
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n"
            f"X-Request-Id: {request.headers.get('x-request-id', '')}\r\n{further}\r\n"
        )
        answer = head.encode() + content
        # In pieces: asyncio takes any single write over TLS and says that it is done.
        for start in range(0, len(answer), _PIECE):
            writer.write(answer[start : start + _PIECE])
            await writer.drain()

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
        """One event at once, another one when it is not held any more; the answer ends when the client leaves."""
        writer.write(
            f"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nX-Echobase-Colour: {self.name}\r\nConnection: close\r\n\r\n".encode()
        )
        writer.write(b"data: first\n\n")
        await writer.drain()
        if "/api/events" in self.held:
            await asyncio.to_thread(self.held["/api/events"].wait, 60)
            writer.write(b"data: second\n\n")
            await writer.drain()
        await reader.read()


def _reset(writer: asyncio.StreamWriter) -> None:
    connection: socket.socket = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@contextmanager
def running_colour(facts: Mapping[str, Any], name: str, settings: Settings | None = None) -> Iterator[ColourUnderTest]:
    """Runs a colour: of the order system, or of an application that never heard of colours. Its addresses must be this machine's, as those
    of network prefix 127.x are.
    """
    places, tls = facts["colours"][name]["edge_addresses"], Path(facts["home"]) / "tls" / name
    if settings is None:
        colour = ColourUnderTest(name, {"gateway": places[1], "frontend": places[0]}, tls)
    else:
        routes = {service: settings.route_of(service) for service in settings.routed}
        colour = ColourUnderTest(
            name,
            dict(zip(settings.routed, places, strict=False)),
            tls,
            ports={service: route.port for service, route in routes.items()},
            plain=[service for service, route in routes.items() if not route.tls],
            tells_its_name=False,
        )
    colour.start()
    try:
        yield colour
    finally:
        colour.stop()
