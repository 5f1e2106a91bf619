"""The published contract, asked of the gateway without what it depends on. There is an integration test that asks a real one."""

from __future__ import annotations

import uuid
from types import SimpleNamespace
from typing import Any, cast

import schemathesis

from api_gateway.app import make_app
from api_gateway.client_address import ClientAddress
from api_gateway.context import Context
from api_gateway.order_book import Order
from api_gateway.passwords import Passwords
from api_gateway.rate_limit import RateLimit
from api_gateway.sessions import Refreshed, RefreshToken
from api_gateway.shared_limit import SharedLimit
from api_gateway.tokens import Token
from harness.contract import broken_promises
from orders import utc
from orders.settings import Release


class OneOrder:
    async def place(self, *_: object) -> str:
        return str(uuid.uuid4())

    async def latest(self, *_: object) -> list[Order]:
        return [Order(str(uuid.uuid4()), "tea", 1, None, "accepted", utc.now(), None)]

    async def find(self, _: str, order_id: str) -> Order | None:
        return Order(order_id, "tea", 1, "note", "processed", utc.now(), utc.now()) if order_id < "8" else None


class LostOrders(OneOrder):
    """Their status is none that the contract knows."""

    async def find(self, _: str, order_id: str) -> Order | None:
        return Order(order_id, "tea", 1, "note", "lost", utc.now(), utc.now())


class NewSessions:
    def open(self, user_id: str) -> Refreshed:
        return Refreshed(user_id, RefreshToken.new(uuid.uuid4()), utc.now())

    def refresh(self, text: str) -> Refreshed:
        RefreshToken.parse(text)
        return self.open("somebody")

    def end(self, text: str) -> None:
        pass


def gateway(order_desk: OneOrder) -> Any:
    context = SimpleNamespace(
        settings=SimpleNamespace(release=Release("test", "blue", "0.1.0-abc", "0.1.0"), requests_per_minute=0, database_connections=2),
        client_address=ClientAddress([]),
        database=SimpleNamespace(close=lambda: None),
        tokens=SimpleNamespace(issue=lambda _: Token("token", utc.now()), user_id=lambda _: "somebody"),
        sessions=NewSessions(),
        lockout=SimpleNamespace(wait=lambda _: 0, failed=lambda _: 0, passed=lambda _: 0),
        requests=SharedLimit("rate:requests", RateLimit(0), None),
        logins=SharedLimit("login", RateLimit(0), None),
        registrations=SharedLimit("rate:registrations", RateLimit(0), None),
        cache=None,
        passwords=Passwords(4),
        accounts=SimpleNamespace(create=lambda *_: str(uuid.uuid4()), find=lambda _: None),
        order_desk=order_desk,
    )
    return make_app(cast(Context, context))


def test_answers_are_as_the_contract_says() -> None:
    schema = schemathesis.openapi.from_asgi("/openapi.json", gateway(OneOrder()))
    assert broken_promises(schema, "/api/", 4, {"Authorization": "Bearer token"}) == []


def test_what_is_not_as_the_contract_says_is_found() -> None:
    schema = schemathesis.openapi.from_asgi("/openapi.json", gateway(LostOrders()))
    found = broken_promises(schema, "/api/orders/{order_id}", 2, {"Authorization": "Bearer token"})
    assert any("lost" in one for one in found)
