"""On the network of what watches, the desk gives its metrics and its health, and nothing that opens anything."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from operators_desk.problems import problem

_OPEN = ("/metrics", "/health")


class ObservedDoor:
    def __init__(self, app: ASGIApp, address: str) -> None:
        self._app = app
        self._address = address

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked_at = (scope.get("server") or ("", 0))[0]
        if scope["type"] == "http" and asked_at == self._address and scope["path"] not in _OPEN:
            await problem(404, "There is nothing here but /metrics and /health.")(scope, receive, send)
            return
        await self._app(scope, receive, send)
