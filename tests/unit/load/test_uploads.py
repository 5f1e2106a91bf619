"""Bodies that are sent slowly arrive as they were sent, and whatever happens to them is told apart."""

from __future__ import annotations

import asyncio
import hashlib
import re
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from counting_client.chunked_body import ChunkedBody
from counting_client.client import CountingClient, run_in_fast_loop
from counting_client.config import ClientConfig, Target
from counting_client.report import Report

SIZE = 10_000
_ID = re.compile(r"(?i)^x-counting-id: *(\S+)", re.M)
_LENGTH = re.compile(r"(?i)^content-length: *(\d+)", re.M)

# Given the head of a request: its answer, or none.
Behaviour = Callable[[str, StreamReader], Awaitable[bytes]]


async def body_of(head: str, reader: StreamReader) -> bytes:
    if length := _LENGTH.search(head):
        return await reader.readexactly(int(length[1]))
    chunks, buffer, body = ChunkedBody(), bytearray(), b""
    while not chunks.over:
        buffer += await reader.read(1)
        body += chunks.decode(buffer)
    return body


def answer(head: str, body: bytes) -> bytes:
    found = _ID.search(head)
    assert found
    checksum = hashlib.sha256(body).hexdigest()
    return (
        f"HTTP/1.1 200 OK\r\nX-Counting-Id: {found[1]}\r\nX-Body-Sha256: {checksum}\r\nX-Echobase-Colour: blue\r\n"
        f"Content-Length: {len(str(len(body)))}\r\n\r\n{len(body)}".encode()
    )


async def take(head: str, reader: StreamReader) -> bytes:
    body = await body_of(head, reader)
    assert len(body) == SIZE
    return answer(head, body)


async def damage(head: str, reader: StreamReader) -> bytes:
    return answer(head, (await body_of(head, reader))[:-1] + b"?")


async def refuse_early(head: str, reader: StreamReader) -> bytes:
    await reader.read(1)
    return b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"


async def hang_up_in_the_middle(head: str, reader: StreamReader) -> bytes:
    await reader.read(1)
    return b""


@asynccontextmanager
async def server(*behaviours: Behaviour) -> AsyncIterator[tuple[int, list[str]]]:
    """The port, and the heads of the requests as they come."""
    turns, heads = iter(behaviours), list[str]()

    async def serve(reader: StreamReader, writer: StreamWriter) -> None:
        try:
            while True:
                heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
                answered = await next(turns, take)(heads[-1], reader)
                writer.write(answered)
                if not answered:
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield listening.sockets[0].getsockname()[1], heads


def run(*behaviours: Behaviour, uploads: int = 1, stop_after: float | None = None, upload_seconds: float = 0.4) -> tuple[Report, list[str]]:
    async def count() -> tuple[Report, list[str]]:
        async with server(*behaviours) as (port, heads):
            target = Target(f"http://127.0.0.1:{port}/files")
            seconds = 1.5 if stop_after is None else 60.0
            client = CountingClient(
                ClientConfig(target, seconds, busy=0, uploads=uploads, upload_seconds=upload_seconds, upload_bytes=SIZE, timeout=2)
            )
            if stop_after is not None:
                asyncio.get_running_loop().call_later(stop_after, client.stop)
            return await client.count(), heads

    return run_in_fast_loop(count())


def test_bodies_arrive_with_a_length_and_in_chunks() -> None:
    report, heads = run(uploads=2)
    report.assert_nothing_lost()
    assert report.kinds["upload"].answered >= 4
    assert {"Content-Length" in head for head in heads} == {True, False}
    assert {"Transfer-Encoding: chunked" in head for head in heads} == {True, False}


def test_a_body_takes_its_time_and_the_answer_is_measured_from_its_end() -> None:
    report, heads = run()
    assert 2 <= report.kinds["upload"].answered == len(heads) <= 4
    assert report.slowest < 0.4


def test_a_body_that_arrived_damaged_is_lost() -> None:
    report, _ = run(damage)
    assert report.lost_by_reason == {"damaged": 1}


def test_an_answer_that_comes_early_ends_the_upload() -> None:
    report, _ = run(refuse_early)
    assert (report.server_errors, report.lost, report.reopened) == (1, 0, 1)


def test_an_upload_that_is_cut_off_is_lost() -> None:
    report, _ = run(hang_up_in_the_middle)
    assert report.lost == 1
    assert set(report.lost_by_reason) <= {"closed", "reset"}
    assert report.unaccounted == 0


@pytest.mark.parametrize("uploads", [1, 2])
def test_stopping_early_finishes_what_was_begun(uploads: int) -> None:
    report, _ = run(uploads=uploads, stop_after=0.5, upload_seconds=60.0)
    report.assert_nothing_lost()
    assert report.answered == uploads
    assert report.seconds < 5
