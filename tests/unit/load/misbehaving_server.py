"""A real server on loopback that answers its n-th request the way a test wants it to."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

Behaviour = Callable[[asyncio.StreamWriter, str], Awaitable[None]]

_ID = re.compile(r"(?i)^x-counting-id: *(\S+)", re.M)
_LENGTH = re.compile(r"(?i)^content-length: *(\d+)", re.M)


async def answer(writer: asyncio.StreamWriter, request_id: str, status: int = 200, colour: str = "blue") -> None:
    writer.write(
        f"HTTP/1.1 {status} X\r\nX-Echobase-Colour: {colour}\r\nX-Counting-Id: {request_id}\r\nContent-Length: 2\r\n\r\nok".encode()
    )


async def close(writer: asyncio.StreamWriter, _: str) -> None:
    writer.close()


async def close_after_half(writer: asyncio.StreamWriter, _: str) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
    writer.close()


async def reset(writer: asyncio.StreamWriter, _: str) -> None:
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def say_nothing(writer: asyncio.StreamWriter, _: str) -> None:
    pass


async def talk_nonsense(writer: asyncio.StreamWriter, _: str) -> None:
    writer.write(b"SMTP ready\r\n\r\n")


async def answer_twice(writer: asyncio.StreamWriter, request_id: str) -> None:
    await answer(writer, request_id)
    await answer(writer, request_id)


async def answer_for_another(writer: asyncio.StreamWriter, _: str) -> None:
    await answer(writer, "somebody-else")


async def answer_then_close(writer: asyncio.StreamWriter, request_id: str) -> None:
    await answer(writer, request_id)
    await writer.drain()
    writer.close()


async def fail(writer: asyncio.StreamWriter, request_id: str) -> None:
    await answer(writer, request_id, status=502)


async def forbid(writer: asyncio.StreamWriter, request_id: str) -> None:
    await answer(writer, request_id, status=403)


@asynccontextmanager
async def server(*behaviours: Behaviour, always: Behaviour = answer, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """The port. Requests are answered in turn by the behaviours, then by `always`."""
    turns = iter(behaviours)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while not writer.is_closing():
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length, request_id = _LENGTH.search(head), _ID.search(head)
                await reader.readexactly(int(length[1]) if length else 0)
                await next(turns, always)(writer, request_id[1] if request_id else "")
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    async with listening:
        yield listening.sockets[0].getsockname()[1]
