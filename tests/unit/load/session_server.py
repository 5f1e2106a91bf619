"""A real server on loopback whose n-th session goes the way a test wants it to."""

from __future__ import annotations

import asyncio
import re
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from counting_client.chunked_body import chunk
from counting_client.websocket_frames import FrameReader, Opcode, acceptance, close_payload, server_frame

# Given the request's head, to be followed by whatever it likes.
Behaviour = Callable[[str, StreamReader, StreamWriter], Awaitable[None]]

_KEY = re.compile(r"(?i)^sec-websocket-key: *(\S+)", re.M)


@asynccontextmanager
async def session_server(*behaviours: Behaviour, always: Behaviour) -> AsyncIterator[int]:
    """The port. Sessions go as the behaviours say, in turn, and then as `always` says."""
    turns = iter(behaviours)

    async def serve(reader: StreamReader, writer: StreamWriter) -> None:
        try:
            await next(turns, always)((await reader.readuntil(b"\r\n\r\n")).decode(), reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield listening.sockets[0].getsockname()[1]


def accept(head: str, writer: StreamWriter) -> None:
    found = _KEY.search(head)
    assert found
    writer.write(
        f"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Echobase-Colour: blue\r\n"
        f"Sec-WebSocket-Accept: {acceptance(found[1])}\r\n\r\n".encode()
    )


async def messages(reader: StreamReader) -> AsyncIterator[bytes]:
    frames = FrameReader(masked=True)
    while data := await reader.read(1024):
        for frame in frames.feed(data):
            if frame.opcode is Opcode.CLOSE:
                return
            if frame.opcode is Opcode.TEXT:
                yield frame.payload


async def echo(head: str, reader: StreamReader, writer: StreamWriter) -> None:
    accept(head, writer)
    async for message in messages(reader):
        writer.write(server_frame(Opcode.TEXT, message))


async def echo_twice(head: str, reader: StreamReader, writer: StreamWriter) -> None:
    accept(head, writer)
    async for message in messages(reader):
        writer.write(server_frame(Opcode.TEXT, message) * 2)


async def echo_another(head: str, reader: StreamReader, writer: StreamWriter) -> None:
    accept(head, writer)
    async for _ in messages(reader):
        writer.write(server_frame(Opcode.TEXT, b"somebody-else"))


async def echo_nothing(head: str, reader: StreamReader, writer: StreamWriter) -> None:
    accept(head, writer)
    await reader.read()


async def hang_up_on_the_first_message(head: str, reader: StreamReader, writer: StreamWriter) -> None:
    accept(head, writer)
    async for _ in messages(reader):
        return


async def say_farewell(head: str, reader: StreamReader, writer: StreamWriter) -> None:
    accept(head, writer)
    writer.write(server_frame(Opcode.CLOSE, close_payload(1012)))
    await reader.read()


async def talk_nonsense(head: str, reader: StreamReader, writer: StreamWriter) -> None:
    accept(head, writer)
    writer.write(b"\xff\xff\xff\xff")
    await reader.read()


async def accept_wrongly(head: str, reader: StreamReader, writer: StreamWriter) -> None:
    writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n")
    await reader.read()


async def refuse(head: str, reader: StreamReader, writer: StreamWriter) -> None:
    writer.write(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy")
    await reader.read()


async def answer_as_any_page(head: str, reader: StreamReader, writer: StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nok")
    await reader.read()


async def hang_up(head: str, reader: StreamReader, writer: StreamWriter) -> None:
    pass


def events(*numbers: int, in_chunks: bool = True, end: bool = True, every: float = 0.01) -> Behaviour:
    async def send(head: str, reader: StreamReader, writer: StreamWriter) -> None:
        framing = "Transfer-Encoding: chunked\r\n" if in_chunks else ""
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n{framing}\r\n".encode())
        for number in numbers:
            event = f": alive\n\nid: {number}\ndata: tick\n\n".encode()
            writer.write(chunk(event) if in_chunks else event)
            await asyncio.sleep(every)
        if end:
            writer.write(b"0\r\n\r\n" if in_chunks else b"")
        else:
            await reader.read()

    return send
