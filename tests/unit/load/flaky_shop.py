"""A small shop with the contract of the order interface, which keeps its promises while its answers come badly."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

_LENGTH = re.compile(r"(?i)^content-length: *(\d+)", re.M)
_HEADER = re.compile(r"^([^:\r\n]+): *([^\r\n]*)", re.M)


@dataclass
class FlakyShop:
    # Of every so many requests one is taken and then not answered, one is refused with 503, one with 429; 0 means never.
    drop_every: int = 0
    refuse_every: int = 0
    limit_every: int = 0
    # Every so many orders one is acknowledged and forgotten, or made twice.
    forget_every: int = 0
    double_every: int = 0
    ignore_keys: bool = False
    never_process: bool = False
    list_limit: int = 1_000_000
    users: dict[str, str] = field(default_factory=dict)
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    _keys: dict[str, str] = field(default_factory=dict)
    _requests: int = 0
    _made: int = 0
    _gone: bool = False

    @asynccontextmanager
    async def open(self) -> AsyncIterator[str]:
        listening = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        async with listening:
            yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"

    def close_for_good(self) -> None:
        self._gone = True

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while not self._gone:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = _LENGTH.search(head)
                body = await reader.readexactly(int(length[1]) if length else 0)
                self._requests += 1
                if self._is_turn(self.refuse_every):
                    status, document = 503, None
                elif self._is_turn(self.limit_every):
                    status, document = 429, None
                else:
                    status, document = self._handle(head, json.loads(body) if body else {})
                    if self._is_turn(self.drop_every):
                        return
                content = json.dumps(document).encode()
                head = f"HTTP/1.1 {status} X\r\nX-Echobase-Colour: blue\r\nSet-Cookie: client=1; Path=/\r\n"
                writer.write(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _is_turn(self, every: int) -> bool:
        return every > 0 and self._requests % every == 0

    def _handle(self, head: str, document: dict[str, Any]) -> tuple[int, Any]:
        method, path, _ = head.split(" ", 2)
        headers = {name.lower(): value for name, value in _HEADER.findall(head)}
        if path.startswith("/api/auth/"):
            return self._admit(path, document["email"], document["password"])
        user = headers.get("authorization", "").removeprefix("Bearer ")
        if user not in self.users:
            return 401, None
        if method == "POST":
            return 202, {"id": self._accept(user, headers["idempotency-key"], document), "status": "accepted"}
        return self._show(user, path)

    def _admit(self, path: str, email: str, password: str) -> tuple[int, Any]:
        if path == "/api/auth/login":
            return (200, {"token": email}) if self.users.get(email) == password else (401, None)
        if email in self.users:
            return 409, None
        self.users[email] = password
        return 201, {"id": email}

    def _show(self, user: str, path: str) -> tuple[int, Any]:
        mine = {order_id: order for order_id, order in self.orders.items() if order["user"] == user}
        if path == "/api/orders":
            return 200, list(mine.values())[: self.list_limit]
        order = mine.get(path.rpartition("/")[2])
        return (200, order) if order else (404, None)

    def _accept(self, user: str, key: str, document: dict[str, Any]) -> str:
        if key in self._keys and not self.ignore_keys:
            return self._keys[key]
        self._made += 1
        order_id = f"order-{self._made}"
        self._keys[key] = order_id
        status = "accepted" if self.never_process else "processed"
        order = {"id": order_id, "user": user, "item": document["item"], "quantity": document["quantity"], "status": status}
        if not (self.forget_every and self._made % self.forget_every == 0):
            self.orders[order_id] = order
        if self.double_every and self._made % self.double_every == 0:
            self.orders[f"{order_id}-again"] = order | {"id": f"{order_id}-again"}
        return order_id
