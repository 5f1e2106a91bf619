"""Registering and logging in, with the real lanes and limits and without a database."""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from types import SimpleNamespace

import bcrypt
import httpx
import pytest
from fastapi import FastAPI

from api_gateway import account_routes
from api_gateway.accounts import Account, EmailTaken
from api_gateway.client_address import ClientAddress
from api_gateway.passwords import Passwords
from api_gateway.problem import answer_problems
from api_gateway.rate_limit import RateLimit
from api_gateway.sessions import Refreshed, RefreshToken
from api_gateway.shared_limit import SharedLimit
from api_gateway.tokens import Token
from orders import utc

ANNA = {"email": "anna@example.org", "password": "long enough"}


class Accounts:
    def __init__(self) -> None:
        self._hashes: dict[str, str] = {}

    def create(self, email: str, password_hash: str) -> str:
        if email in self._hashes:
            raise EmailTaken(email)
        self._hashes[email] = password_hash
        return email

    def find(self, email: str) -> Account | None:
        return Account(email, self._hashes[email]) if email in self._hashes else None


def gateway(registrations_per_minute: int = 0) -> FastAPI:
    api = FastAPI()
    api.include_router(account_routes.router)
    answer_problems(api)
    api.state.context = SimpleNamespace(
        passwords=Passwords(4),
        accounts=Accounts(),
        tokens=SimpleNamespace(issue=lambda user_id: Token(f"token of {user_id}", utc.now())),
        sessions=SimpleNamespace(open=lambda user_id: Refreshed(user_id, RefreshToken.new(uuid.uuid4()), utc.now())),
        lockout=SimpleNamespace(wait=lambda _: 0, failed=lambda _: 0, passed=lambda _: 0),
        logins=SharedLimit("login", RateLimit(0), None),
        registrations=SharedLimit("rate:registrations", RateLimit(registrations_per_minute), None),
        client_address=ClientAddress([]),
    )
    return api


def client(api: FastAPI, address: str = "203.0.113.1") -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(api, client=(address, 1)), base_url="https://gateway")


def registration(number: int) -> dict[str, str]:
    return {"email": f"{number}@example.org", "password": "long enough"}


@pytest.fixture
def stuck_hashing(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Once it is called for: hashing for registrations ends only when the event is set."""
    go_on, hash_now = threading.Event(), bcrypt.hashpw

    def hash_when_allowed(password: bytes, salt: bytes) -> bytes:
        assert go_on.wait(10)
        return hash_now(password, salt)

    go_on.set()
    monkeypatch.setattr(bcrypt, "hashpw", hash_when_allowed)
    yield go_on
    go_on.set()


def test_however_many_register_a_login_waits_for_none_of_them(stuck_hashing: threading.Event) -> None:
    api = gateway()

    async def scenario() -> None:
        async with client(api) as attacker, client(api, "203.0.113.2") as anna:
            assert (await anna.post("/api/auth/register", json=ANNA)).status_code == 201
            stuck_hashing.clear()
            flood = [asyncio.ensure_future(attacker.post("/api/auth/register", json=registration(number))) for number in range(60)]
            # One is at work and sixteen wait: the others are answered while those hang.
            for sent_away in islice(asyncio.as_completed(flood, timeout=10), 60 - 17):
                answer = await sent_away
                assert answer.status_code == 503
                assert answer.headers["content-type"] == "application/problem+json"
                assert int(answer.headers["retry-after"]) > 0
            login = await asyncio.wait_for(anna.post("/api/auth/login", json=ANNA), 10)
            assert login.status_code == 200
            assert not stuck_hashing.is_set()
            stuck_hashing.set()
            assert Counter(answer.status_code for answer in await asyncio.gather(*flood)) == {201: 17, 503: 43}

    asyncio.run(scenario())


def test_a_flood_of_logins_is_not_queued_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    api = gateway()
    limit = RateLimit(300)
    api.state.context.logins = SharedLimit("login", limit, None)
    go_on = threading.Event()
    monkeypatch.setattr(bcrypt, "checkpw", lambda *_: go_on.wait(10))

    async def scenario() -> None:
        async with client(api) as caller:
            flood = [asyncio.ensure_future(caller.post("/api/auth/login", json=ANNA)) for _ in range(200)]
            sent_away, _ = await asyncio.wait(flood, return_when=asyncio.FIRST_COMPLETED, timeout=10)
            assert {one.result().status_code for one in sent_away} == {503}
            go_on.set()
            statuses = Counter(answer.status_code for answer in await asyncio.gather(*flood))
            assert statuses.keys() == {401, 503}
            # Whom there was no room for need not wait for his next try.
            room = sum(limit.take("203.0.113.1") == 0 for _ in range(300))
            assert room + statuses[401] >= 300

    asyncio.run(scenario())


def test_registrations_have_a_limit_of_their_own_for_each_address() -> None:
    api = gateway(registrations_per_minute=3)

    async def scenario() -> None:
        async with client(api) as caller, client(api, "203.0.113.2") as other:
            answers = [await caller.post("/api/auth/register", json=registration(number)) for number in (1, 1, 2, 3)]
            assert [answer.status_code for answer in answers] == [201, 409, 201, 429]
            assert answers[-1].headers["content-type"] == "application/problem+json"
            assert 0 < int(answers[-1].headers["retry-after"]) <= 20
            assert (await other.post("/api/auth/register", json=registration(4))).status_code == 201
            assert (await caller.post("/api/auth/login", json=registration(1))).status_code == 200

    asyncio.run(scenario())


@pytest.mark.parametrize("path", ["/api/auth/register", "/api/auth/login"])
@pytest.mark.parametrize("field", ["email", "password"])
@pytest.mark.parametrize("character", ["\\ud800", "\\u0000"])
def test_what_is_no_text_is_refused_and_not_echoed(path: str, field: str, character: str) -> None:
    body = '{"email": "a@example.org", "password": "long enough"}'
    body = body.replace("a@", f"a{character}@") if field == "email" else body.replace("enough", f"enough{character}")

    async def scenario() -> httpx.Response:
        async with client(gateway()) as caller:
            return await caller.post(path, content=body, headers={"Content-Type": "application/json"})

    answer = asyncio.run(scenario())
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert [error["pointer"] for error in answer.json()["errors"]] == [f"#/{field}"]
    assert "codec" not in answer.text
    assert "d800" not in answer.text
