"""Every answer says who gave it and to which request."""

from __future__ import annotations

import re
import uuid

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orders.settings import Release

_PLAIN = re.compile(rb"[A-Za-z0-9._:/+=-]{1,128}")


class Identity:
    def __init__(self, app: ASGIApp, release: Release) -> None:
        self._app = app
        self._headers = [(b"x-echobase-colour", release.colour.encode()), (b"x-echobase-release", release.id.encode())]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = [*self._headers, (b"x-request-id", _request_id(scope))]

        async def send_signed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *headers]
            await send(message)

        await self._app(scope, receive, send_signed)


def _request_id(scope: Scope) -> bytes:
    """Gives the caller's own id of the request, unless that could do harm in a log."""
    given: bytes = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
    return given if _PLAIN.fullmatch(given) else uuid.uuid4().hex.encode()
