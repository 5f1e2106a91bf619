"""A head without an end is ended; a body that comes at once is none."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import httpx
import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from api_gateway.bounded_head import MOST_HEAD_BYTES, BoundedHead
from harness.waiting import eventually

TIMES = 20


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    length = len(await Request(scope, receive).body())
    await PlainTextResponse(str(length))(scope, receive, send)


@pytest.fixture
def port() -> Iterator[int]:
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(application, http=BoundedHead, lifespan="off", log_config=None))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    eventually(lambda: server.started, "the server serves")
    yield listener.getsockname()[1]
    server.should_exit = True
    thread.join(10)


def test_bodies_that_end_in_a_large_piece_are_bodies(port: int) -> None:
    content = b" " * (2 * MOST_HEAD_BYTES)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        for _ in range(TIMES):
            answer = client.post("/", content=content)
            assert (answer.status_code, answer.text) == (200, str(len(content)))


@pytest.mark.parametrize("before", [b"", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"], ids=["first", "second"])
def test_a_head_without_an_end_is_ended(port: int, before: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as caller:
        caller.sendall(before)
        if before:
            assert caller.recv(4096).startswith(b"HTTP/1.1 200 ")
        caller.sendall(b"GET / HTTP/1.1\r\n" + b"X: " + b"x" * (3 * MOST_HEAD_BYTES))
        assert caller.recv(4096).startswith(b"HTTP/1.1 400 ")
