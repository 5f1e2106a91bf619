"""What a request may ask for at all: not too often, and not too much at once."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api_gateway.client_address import ClientAddress
from api_gateway.problem import Problem, too_many_requests
from api_gateway.shared_limit import SharedLimit

MOST_BODY_BYTES = 64 * 1024
_TOO_LARGE = f"The body is larger than {MOST_BODY_BYTES // 1024} KiB."


class RequestLimits:
    def __init__(self, app: ASGIApp, rate: SharedLimit, address: ClientAddress) -> None:
        self._app = app
        self._rate = rate
        self._address = address

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/api/"):
            await self._app(scope, receive, send)
            return
        problem = await self._refusal(scope)
        if problem:
            await problem.response()(scope, receive, send)
            return
        await self._app(scope, _limited(receive), send)

    async def _refusal(self, scope: Scope) -> Problem | None:
        wait = await self._rate.take(self._address.of(scope))
        if wait:
            return too_many_requests("Too many requests. Please slow down.", wait)
        length = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if int(length) > MOST_BODY_BYTES:
            return Problem(413, _TOO_LARGE, headers={"Connection": "close"})
        return None


def _limited(receive: Receive) -> Receive:
    """A body of unknown length is counted as it comes."""
    received = 0

    async def receive_some() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > MOST_BODY_BYTES:
            raise HTTPException(413, _TOO_LARGE)
        return message

    return receive_some
