"""Logins that are refreshed, ended and locked, on real servers: what one colour knows the other knows, whatever happens to keys."""

from __future__ import annotations

import json
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from ansible_collections.echobase.platform.plugins.module_utils.colours.key_holders import KeyHolder
from ansible_collections.echobase.platform.plugins.module_utils.credentials.environment_secrets import EnvironmentSecrets
from ansible_collections.echobase.platform.plugins.module_utils.host.https_client import HttpsClient
from ansible_collections.echobase.platform.plugins.module_utils.rotation.token_key import TokenKeyRotation
from harness.backend_fixtures import Backend, ColourUnderTest, Customer, backend, empty_backend
from harness.waiting import eventually

pytestmark = pytest.mark.long_on("postgresql")

__all__ = ["backend", "empty_backend"]

FAILURES = 3
LOCKED_SECONDS = 4


@pytest.fixture(scope="module")
def blue(backend: Backend) -> ColourUnderTest:
    colour = backend.colour("blue")
    colour.extra = {"LOCK_AFTER_FAILURES": str(FAILURES), "LOCK_SECONDS": str(LOCKED_SECONDS)}
    colour.start_emulator()
    colour.start_gateway()
    return colour


@pytest.fixture(scope="module")
def green(backend: Backend, blue: ColourUnderTest) -> ColourUnderTest:
    """A second gateway on the same database; the cloud is blue's."""
    colour = backend.colour("green")
    colour.extra = blue.extra | {"AWS_ENDPOINT_URL": "http://blue-localstack:4566"}
    colour.start_gateway()
    return colour


@pytest.fixture
def anna(blue: ColourUnderTest) -> Customer:
    return blue.customer()


def log_in(customer: Customer, password: str = "", client: httpx.Client | None = None) -> httpx.Response:
    body = {"email": customer.email, "password": password or customer.password}
    return (client or customer.client).post("/api/auth/login", json=body)


def refresh(client: httpx.Client, token: str) -> httpx.Response:
    return client.post("/api/auth/refresh", json={"refresh_token": token})


def orders_seen(client: httpx.Client, token: str) -> int:
    return client.get("/api/orders", headers={"Authorization": f"Bearer {token}"}).status_code


def test_a_refresh_token_works_once_at_either_colour(anna: Customer, blue: ColourUnderTest, green: ColourUnderTest) -> None:
    session = log_in(anna).json()
    assert session.keys() == {"token", "expires_at", "refresh_token", "refresh_expires_at"}
    with green.client() as other:
        second = refresh(other, session["refresh_token"])
        assert second.status_code == 200
        assert second.json()["refresh_token"] != session["refresh_token"]
        # However often it is refreshed, the session ends when it was to end.
        assert second.json()["refresh_expires_at"] == session["refresh_expires_at"]
        third = refresh(anna.client, second.json()["refresh_token"]).json()
        assert orders_seen(other, third["token"]) == 200


def test_one_that_comes_again_ends_the_session_of_whoever_has_it(anna: Customer, green: ColourUnderTest) -> None:
    stolen, other_device = log_in(anna).json(), log_in(anna).json()
    thief = refresh(anna.client, stolen["refresh_token"]).json()
    with green.client() as other:
        again = refresh(other, stolen["refresh_token"])
        assert again.status_code == 401
        assert again.headers["content-type"] == "application/problem+json"
        assert refresh(other, thief["refresh_token"]).status_code == 401
        # Another login of the same person is another session.
        assert refresh(other, other_device["refresh_token"]).status_code == 200


def test_of_many_at_once_one_gets_the_next_token(anna: Customer) -> None:
    token = log_in(anna).json()["refresh_token"]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: refresh(anna.client, token), range(8)))
    assert Counter(answer.status_code for answer in answers) == {200: 1, 401: 7}


def test_what_is_stored_opens_nothing(backend: Backend, anna: Customer) -> None:
    token = log_in(anna).json()["refresh_token"]
    stored = str(backend.sql("SELECT s.* FROM sessions s JOIN users u ON u.id = s.user_id WHERE u.email = %s", anna.email))
    assert stored != "[]"
    assert token not in stored
    for [secret_hash] in backend.sql("SELECT secret_hash FROM sessions"):
        assert refresh(anna.client, secret_hash).status_code == 401


def test_logging_out_ends_the_session_and_tells_nothing(anna: Customer) -> None:
    session = log_in(anna).json()
    for token in (session["refresh_token"], session["refresh_token"], "no token", ""):
        answer = anna.client.post("/api/auth/logout", json={"refresh_token": token})
        assert (answer.status_code, answer.content) == (204, b"")
    assert refresh(anna.client, session["refresh_token"]).status_code == 401


def test_a_session_ends_at_its_time(backend: Backend, anna: Customer) -> None:
    token = log_in(anna).json()["refresh_token"]
    backend.sql("UPDATE sessions SET expires_at = '2026-01-01 00:00:00'")
    assert refresh(anna.client, token).status_code == 401


def rotate(backend: Backend, overlap: int) -> None:
    """As playbooks/rotate_secrets.yml does it."""
    authority = backend.env.path("tls", "ca.crt")
    gateways = [
        KeyHolder(name, HttpsClient("127.0.0.1", colour.gateway.port(8443), authority, {}), "/ready")
        for name, colour in backend.colours.items()
    ]
    secrets = EnvironmentSecrets(backend.env, None, data=lambda: ["volume"])
    TokenKeyRotation(secrets, lambda: gateways, overlap).run(check=False)


@pytest.mark.engines("mariadb")
@pytest.mark.parametrize(("overlap", "old_token"), [(3600, 200), (0, 401)])
def test_a_session_outlives_a_rotation_of_the_keys(
    backend: Backend, anna: Customer, green: ColourUnderTest, overlap: int, old_token: int
) -> None:
    """Also one without overlap, for a key that leaked: refresh tokens are not signed with it."""
    session = log_in(anna).json()
    rotate(backend, overlap)
    assert orders_seen(anna.client, session["token"]) == old_token
    renewed = refresh(anna.client, session["refresh_token"]).json()
    with green.client() as other:
        assert orders_seen(other, renewed["token"]) == 200
        assert refresh(other, renewed["refresh_token"]).status_code == 200


def failures(customer: Customer, *clients: httpx.Client) -> list[int]:
    return [log_in(customer, "not the password", client).status_code for client in clients]


def test_an_address_is_locked_at_both_colours_and_opens_again(anna: Customer, green: ColourUnderTest) -> None:
    with green.client() as other:
        assert failures(anna, anna.client, other, anna.client) == [401] * FAILURES
        for client in (anna.client, other):
            refused = log_in(anna, client=client)
            assert refused.status_code == 429
            assert 0 < int(refused.headers["retry-after"]) <= LOCKED_SECONDS
        assert eventually(lambda: log_in(anna, client=other).status_code == 200, "it opens again")


def test_a_login_that_succeeds_begins_the_count_anew(anna: Customer) -> None:
    for _ in range(2):
        assert failures(anna, *[anna.client] * (FAILURES - 1)) == [401] * (FAILURES - 1)
        assert log_in(anna).status_code == 200


def test_however_many_guess_at_once_no_more_passwords_are_answered(anna: Customer, green: ColourUnderTest) -> None:
    with green.client() as other, ThreadPoolExecutor(12) as pool:
        tries = [anna.client, other] * 12
        answers = Counter(pool.map(lambda client: failures(anna, client)[0], tries))
        assert answers[401] <= FAILURES
        assert answers == {401: answers[401], 429: len(tries) - answers[401]}
        assert log_in(anna).status_code == 429


def test_an_address_without_account_is_answered_as_one_with(backend: Backend, anna: Customer) -> None:
    def answers(email: str) -> list[tuple[int, Any, bool]]:
        found = []
        for _ in range(FAILURES + 1):
            answer = anna.client.post("/api/auth/login", json={"email": email, "password": "not the password"})
            found.append((answer.status_code, answer.json(), "retry-after" in answer.headers))
        return found

    unknown = f"{uuid.uuid4().hex}@example.org"
    assert answers(unknown) == answers(anna.email)
    stored = str(backend.sql("SELECT * FROM login_failures"))
    assert unknown not in stored and anna.email not in stored


def test_an_operator_unlocks_an_address_in_any_spelling(anna: Customer, blue: ColourUnderTest) -> None:
    failures(anna, *[anna.client] * FAILURES)
    assert log_in(anna).status_code == 429
    for expected in (True, False):
        done = blue.gateway.execute("python", "-m", "api_gateway.unlock", f" {anna.email.upper()}")
        assert (done.returncode, json.loads(done.stdout)) == (0, {"unlocked": expected}), done.stderr
    assert log_in(anna).status_code == 200


def test_a_lock_is_answered_without_a_look_at_the_password(anna: Customer) -> None:
    failures(anna, *[anna.client] * FAILURES)
    began = time.monotonic()
    assert {log_in(anna).status_code for _ in range(5)} == {429}
    assert time.monotonic() - began < LOCKED_SECONDS
