"""The contract of the gateway, asked over HTTPS, and the way of an order through the real database, queue and key service."""

from __future__ import annotations

import base64
import json
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from botocore.exceptions import ClientError

from ansible_collections.echobase.platform.plugins.module_utils.credentials.wrapping_keys import wrapping_key_id
from harness.backend_fixtures import Backend, ColourUnderTest, Customer, backend, blue, docker, empty_backend
from harness.cloud_callers import ask_as_nobody, cloud_client, secret_key_in
from orders.credentials import key_id

__all__ = ["backend", "blue", "empty_backend"]

IDENTITY = {"x-echobase-colour": "blue", "x-echobase-release": "0.1.0-blue"}


@pytest.fixture(scope="module")
def anna(blue: ColourUnderTest) -> Customer:
    return blue.customer()


@pytest.fixture(scope="module")
def client(blue: ColourUnderTest) -> httpx.Client:
    return blue.client()


def assert_problem(answer: httpx.Response, status: int) -> dict[str, object]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = dict(answer.json())
    assert problem["status"] == status
    assert problem["title"] and problem["detail"]
    assert "Traceback" not in answer.text
    assert_identity(answer)
    return problem


def assert_identity(answer: httpx.Response) -> None:
    for name, value in IDENTITY.items():
        assert answer.headers.get_list(name) == [value]
    assert len(answer.headers.get_list("x-request-id")) == 1
    assert answer.headers.get_list("cache-control") == ["no-store"]


def test_an_order_is_accepted_and_processed(backend: Backend, anna: Customer) -> None:
    order_id = anna.order("green tea", 3, "ring twice, ça va?")
    order = anna.see_processed(order_id)
    assert order["processed_at"] > order["created_at"]
    assert {name: order[name] for name in ("id", "item", "quantity", "note")} == {
        "id": order_id,
        "item": "green tea",
        "quantity": 3,
        "note": "ring twice, ça va?",
    }
    assert anna.client.get("/api/orders", headers=anna.headers).json() == [order]
    assert backend.sql("SELECT event, colour FROM order_events WHERE order_id = %s", order_id) == [("processed", "blue")]
    assert backend.sql("SELECT accepted_by FROM orders WHERE id = %s", order_id) == [("blue",)]


def test_a_note_is_not_readable_in_the_database(backend: Backend, anna: Customer) -> None:
    order_id = anna.order(note="a secret wish")
    [(stored,)] = backend.sql("SELECT note FROM orders WHERE id = %s", order_id)
    assert b"secret" not in stored
    assert backend.sql("SELECT body_mac FROM idempotency_keys WHERE body_mac LIKE %s", "%secret%") == []


def test_the_same_key_is_the_same_order(backend: Backend, anna: Customer) -> None:
    key = str(uuid.uuid4())
    first = anna.post("tea", 2, key=key)
    again = anna.post("tea", 2, key=key)
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json() == again.json()
    assert backend.sql("SELECT COUNT(*) FROM orders WHERE id = %s", first.json()["id"]) == [(1,)]


def test_the_same_key_for_another_order_is_refused(anna: Customer) -> None:
    key = str(uuid.uuid4())
    anna.order("tea", 2, key=key)
    assert_problem(anna.post("tea", 3, key=key), 409)
    assert_problem(anna.post("tea", 2, "with a note", key=key), 409)


def test_the_key_belongs_to_one_customer(blue: ColourUnderTest, anna: Customer) -> None:
    key = str(uuid.uuid4())
    assert anna.order(key=key) != blue.customer().order("coffee", key=key)


def test_thirty_at_once_are_one_order(backend: Backend, blue: ColourUnderTest) -> None:
    customer = blue.customer()
    key = str(uuid.uuid4())
    with ThreadPoolExecutor(30) as pool:
        answers = list(pool.map(lambda _: customer.post("tea", 1, "once", key=key), range(30)))
    assert Counter(answer.status_code for answer in answers) == {202: 30}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert backend.sql("SELECT COUNT(*) FROM orders JOIN users ON users.id = user_id WHERE email = %s", customer.email) == [(1,)]


def test_orders_are_seen_by_their_owner_only(blue: ColourUnderTest, anna: Customer) -> None:
    order_id = anna.order()
    other = blue.customer()
    assert_problem(other.client.get(f"/api/orders/{order_id}", headers=other.headers), 404)
    assert other.client.get("/api/orders", headers=other.headers).json() == []


def test_an_address_is_registered_once(client: httpx.Client) -> None:
    body = {"email": f"{uuid.uuid4().hex}@Example.org", "password": "long enough"}
    first = client.post("/api/auth/register", json=body)
    assert (first.status_code, list(first.json())) == (201, ["id"])
    assert_problem(client.post("/api/auth/register", json=body | {"email": body["email"].lower()}), 409)


def log_in(client: httpx.Client, email: str) -> int:
    return client.post("/api/auth/login", json={"email": email, "password": "long enough"}).status_code


def test_an_accent_makes_another_address_and_a_way_to_write_it_does_not(backend: Backend, client: httpx.Client) -> None:
    name = uuid.uuid4().hex
    registered = client.post("/api/auth/register", json={"email": f"caf\u00e9{name}@example.org", "password": "long enough"})
    assert registered.status_code == 201
    assert log_in(client, f"cafe{name}@example.org") == 401
    for same in (f"caf\u00e9{name}@example.org", f"cafe\u0301{name}@example.org", f"  CAF\u00c9{name}@Example.ORG "):
        assert log_in(client, same) == 200
        assert_problem(client.post("/api/auth/register", json={"email": same, "password": "long enough"}), 409)
    # The release before finds the account as it always did.
    assert backend.sql("SELECT id FROM users WHERE email = %s", f"caf\u00e9{name}@example.org") == [(registered.json()["id"],)]


def test_an_account_of_the_release_before_is_reached_by_its_own_spelling_only(backend: Backend, client: httpx.Client) -> None:
    name = uuid.uuid4().hex
    client.post("/api/auth/register", json={"email": f"{name}@example.org", "password": "long enough"})
    backend.sql("UPDATE users SET email = %s, email_key = NULL WHERE email = %s", f"caf\u00e9{name}@example.org", f"{name}@example.org")
    assert log_in(client, f"caf\u00e9{name}@example.org") == 200
    assert log_in(client, f"cafe{name}@example.org") == 401
    again = {"email": f"Caf\u00e9{name}@example.org", "password": "long enough"}
    assert_problem(client.post("/api/auth/register", json=again), 409)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"email": "nobody", "password": "long enough"}, "#/email"),
        ({"email": "a@example.org", "password": "short"}, "#/password"),
        ({"email": "a@example.org", "password": "é" * 37}, "#/password"),
        ({"email": "a@example.org"}, "#/password"),
    ],
)
def test_a_bad_registration_names_the_field(client: httpx.Client, body: dict[str, str], pointer: str) -> None:
    problem = assert_problem(client.post("/api/auth/register", json=body), 422)
    assert [error["pointer"] for error in problem["errors"]] == [pointer]  # type: ignore[attr-defined]


def test_a_wrong_login_does_not_tell_what_was_wrong(client: httpx.Client, anna: Customer) -> None:
    unknown = assert_problem(client.post("/api/auth/login", json={"email": "nobody@example.org", "password": "something"}), 401)
    wrong = assert_problem(client.post("/api/auth/login", json={"email": anna.email, "password": "something"}), 401)
    assert unknown == wrong


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"item": "", "quantity": 1}, "#/item"),
        ({"item": "tea", "quantity": 0}, "#/quantity"),
        ({"item": "tea", "quantity": "2"}, "#/quantity"),
        ({"item": "tea"}, "#/quantity"),
        ({"item": "tea", "quantity": 1, "note": "x" * 2001}, "#/note"),
        ({"item": "tea\ud800", "quantity": 1}, "#/item"),
        ({"item": "tea\0", "quantity": 1}, "#/item"),
        ({"item": "tea", "quantity": 1, "note": "\udfff"}, "#/note"),
    ],
)
def test_a_bad_order_names_the_field(anna: Customer, body: dict[str, object], pointer: str) -> None:
    headers = anna.headers | {"Idempotency-Key": "k", "Content-Type": "application/json"}
    answer = anna.client.post("/api/orders", content=json.dumps(body), headers=headers)
    assert [error["pointer"] for error in assert_problem(answer, 422)["errors"]] == [pointer]  # type: ignore[attr-defined]


def test_other_mistakes_are_problems_too(anna: Customer) -> None:
    client, headers = anna.client, anna.headers
    assert_problem(client.post("/api/orders", json={"item": "tea", "quantity": 1}, headers=headers), 422)
    assert_problem(client.post("/api/orders", content=b"{", headers=headers | {"Idempotency-Key": "k"}), 422)
    assert_problem(client.post("/api/orders", content=b" " * 70_000, headers=headers | {"Idempotency-Key": "k"}), 413)
    assert_problem(client.post("/api/orders", content=(b" " * 10_000 for _ in range(7)), headers=headers | {"Idempotency-Key": "k"}), 413)
    assert_problem(client.get("/api/orders/no-id", headers=headers), 422)
    assert_problem(client.get(f"/api/orders/{uuid.uuid4()}", headers=headers), 404)
    assert_problem(client.get("/api/nothing"), 404)
    not_allowed = client.delete("/api/orders", headers=headers)
    assert_problem(not_allowed, 405)
    assert "GET" in not_allowed.headers["allow"] or "POST" in not_allowed.headers["allow"]


@pytest.mark.parametrize(
    "header", ["", "Bearer nonsense", "Basic abc", "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4IiwiZXhwIjo5OTk5OTk5OTk5fQ."]
)
def test_without_a_good_token_there_is_nothing_to_see(client: httpx.Client, header: str) -> None:
    answer = client.get("/api/orders", headers={"Authorization": header} if header else {})
    assert_problem(answer, 401)
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_request_id_is_handed_back(client: httpx.Client) -> None:
    assert client.get("/health", headers={"X-Request-Id": "from-the-edge"}).headers["x-request-id"] == "from-the-edge"
    first, second = (client.get("/health", headers={"X-Request-Id": "no <good>"}).headers["x-request-id"] for _ in range(2))
    assert first != second


def test_health_and_readiness(backend: Backend, client: httpx.Client) -> None:
    for path in ("/health", "/health/db", "/health/cache", "/health/all", "/ready"):
        answer = client.get(path)
        assert answer.status_code == 200, answer.text
        assert_identity(answer)
    everything = client.get("/health/all").json()
    assert everything["status"] == "ok"
    assert everything["services"] == {"api": "healthy", "database": "healthy", "cache": "healthy"}
    assert everything["system"]["uptime"] > 0
    assert 0 < everything["system"]["memory"]["used"] < everything["system"]["memory"]["total"]
    assert everything["system"]["platform"]
    told_to_customers = client.get("/health/all", headers={"X-Echobase-Entrance": "public"}).json()
    assert told_to_customers.keys() == {"status", "timestamp", "services"}
    ready = client.get("/ready").json()
    assert ready.pop("token_keys")["signs"] == key_id(base64.b64decode(backend.secret("app", "token_key")))
    assert ready.pop("wrapping_key") == wrapping_key_id("test", 1)
    assert ready == {
        "status": "ready",
        "environment": "test",
        "colour": "blue",
        "release": "0.1.0-blue",
        "version": "0.1.0",
        "schema": {"expand": "expand_0005", "contract": ""},
        "in_flight": 0,
        "dead_letters": 0,
        "checks": {"database": True, "schema": True, "encryption": True},
    }


def test_the_contract_is_published(client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    assert {"/api/auth/register", "/api/auth/login", "/api/orders", "/api/orders/{order_id}", "/ready"} <= paths.keys()
    assert not any(path.startswith("/docs") for path in paths)
    for path in ("/docs", "/docs/swagger-ui-bundle.js", "/docs/swagger-ui.css"):
        answer = client.get(path)
        assert answer.status_code == 200, path
        assert "script-src 'self'" in answer.headers["content-security-policy"]


def test_the_cloud_answers_nobody_who_lacks_the_environments_credentials(backend: Backend, blue: ColourUnderTest) -> None:
    url, secret_id = f"http://localhost:{blue.emulator.port(4566)}/", "echobase/test/jwt"
    key = backend.env.cloud_access_key
    scope = "20260101/eu-central-1/secretsmanager/aws4_request, SignedHeaders=host;x-amz-date"
    for authorization in (
        "",
        f"AWS4-HMAC-SHA256 Credential=emulator/{scope}, Signature=00",
        f"AWS4-HMAC-SHA256 Credential={key}/{scope}, Signature={'0' * 64}",
    ):
        status, text = ask_as_nobody(url, secret_id, authorization)
        assert status == 403, text
        assert "SecretString" not in text
    for path in ("moto-api/", "moto-api/data.json", "latest/meta-data/", "favicon.ico", "?Action=ListQueues&Version=2012-11-05"):
        assert ask_as_nobody(f"{url}{path}")[0] == 403, path
    assert ask_as_nobody(f"{url}health")[0] == 200
    with pytest.raises(ClientError, match="InvalidSignatureException"):
        cloud_client("secretsmanager", url, key, "another key").get_secret_value(SecretId=secret_id)
    assert "SecretString" in blue.cloud("secretsmanager").get_secret_value(SecretId=secret_id)
    secret = secret_key_in(backend.secret("app", "cloud_credentials"))
    for container in (blue.emulator, blue.gateway, blue.processor):
        assert secret not in docker("inspect", container.name)


def test_the_containers_health_checks_agree(blue: ColourUnderTest) -> None:
    for container, check in ((blue.gateway, "api_gateway.health"), (blue.processor, "order_processor.health")):
        done = container.execute("python", "-m", check)
        assert done.returncode == 0, done.stderr


def test_limits_are_per_client(backend: Backend, blue: ColourUnderTest) -> None:
    limited = backend.colour("green")
    limited.extra = {"LOGIN_ATTEMPTS_PER_MINUTE": "3", "REQUESTS_PER_MINUTE": "20", "AWS_ENDPOINT_URL": "http://blue-localstack:4566"}
    limited.start_gateway()
    with limited.client() as client:
        wrong = {"email": "nobody@example.org", "password": "something"}

        def attempt(client_address: str) -> httpx.Response:
            return client.post("/api/auth/login", json=wrong, headers={"X-Forwarded-For": f"198.51.100.1, {client_address}"})

        assert [attempt("203.0.113.1").status_code for _ in range(4)] == [401, 401, 401, 429]
        refused = attempt("203.0.113.1")
        assert refused.headers["content-type"] == "application/problem+json"
        assert 0 < int(refused.headers["retry-after"]) <= 20
        assert attempt("203.0.113.2").status_code == 401

        def ask(client_address: str) -> int:
            return client.get("/api/orders", headers={"X-Forwarded-For": client_address}).status_code

        assert Counter(ask("203.0.113.3") for _ in range(22))[429] >= 1
        assert ask("203.0.113.4") == 401
        assert client.get("/health").status_code == 200
    limited.remove()
