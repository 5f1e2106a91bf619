from __future__ import annotations

import asyncio

import pytest
from starlette.types import Message, Receive, Scope, Send

from api_gateway.in_flight import InFlight


async def _nothing() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _nowhere(message: Message) -> None:
    pass


@pytest.mark.parametrize(
    ("kind", "path", "counted"),
    [("http", "/api/orders", 1), ("websocket", "/api/feed", 1), ("http", "/ready", 0), ("http", "/in-flight", 0), ("lifespan", "", 0)],
)
def test_a_request_counts_until_the_last_byte_of_its_answer(kind: str, path: str, counted: int) -> None:
    last_byte = asyncio.Event()

    async def streaming(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        await last_byte.wait()
        await send({"type": "http.response.body", "body": b"last"})

    async def scenario() -> None:
        in_flight = InFlight(streaming)
        answer = asyncio.ensure_future(in_flight({"type": kind, "path": path}, _nothing, _nowhere))
        await asyncio.sleep(0)
        assert in_flight.count == counted
        last_byte.set()
        await answer
        assert in_flight.count == 0

    asyncio.run(scenario())


def test_a_request_that_breaks_counts_no_longer() -> None:
    async def breaking(scope: Scope, receive: Receive, send: Send) -> None:
        raise ConnectionResetError

    in_flight = InFlight(breaking)
    with pytest.raises(ConnectionResetError):
        asyncio.run(in_flight({"type": "http", "path": "/api/orders"}, _nothing, _nowhere))
    assert in_flight.count == 0
