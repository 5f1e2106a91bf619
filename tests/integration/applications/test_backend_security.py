"""The gateway against whoever means harm: forged tokens, others' orders, injected text, bombs, and what it tells them about itself.

Limits for each client are in test_backend_orders.py, sessions and locks in test_backend_sessions.py; the edge has tests of its own.
"""

from __future__ import annotations

import base64
import json
import socket
import ssl
import time
import uuid
from collections.abc import Callable
from typing import Any

import httpx
import jwt
import pytest

from harness.backend_fixtures import Backend, ColourUnderTest, Customer, backend, blue, empty_backend
from harness.raw_tls import offer
from orders.credentials import key_id

# What an engine is to see of any of this is the same for both.
pytestmark = pytest.mark.engines("mariadb")

__all__ = ["backend", "blue", "empty_backend"]

# Of the program, its files, its libraries and its statements.
INTERNALS = ("Traceback", 'File "', "/app", "sqlalchemy", "pymysql", "psycopg", "SELECT", "INSERT", "uvicorn", "pydantic", "Error(")


@pytest.fixture(scope="module")
def anna(blue: ColourUnderTest) -> Customer:
    return blue.customer()


@pytest.fixture(scope="module")
def bob(blue: ColourUnderTest) -> Customer:
    return blue.customer()


def problem(answer: httpx.Response, *statuses: int) -> dict[str, Any]:
    assert answer.status_code in statuses, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert [word for word in INTERNALS if word in answer.text] == []
    assert_guarded(answer)
    return dict(answer.json())


def assert_guarded(answer: httpx.Response) -> None:
    headers = answer.headers
    assert headers.get_list("cache-control") == ["no-store"]
    assert headers.get_list("x-content-type-options") == ["nosniff"]
    assert headers.get_list("content-security-policy") == ["default-src 'none'; frame-ancestors 'none'"]
    assert not {"server", "x-powered-by", "set-cookie"} & headers.keys()


def part(content: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def forged(name: str, backend: Backend, customer: Customer) -> str:
    key = base64.b64decode(backend.secret("app", "token_key"))
    header = {"kid": key_id(key)}
    good = {"sub": "00000000-0000-4000-8000-000000000000", "exp": int(time.time()) + 600}
    genuine = customer.token.split(".")
    claims = jwt.decode(customer.token, options={"verify_signature": False})
    makers: dict[str, Callable[[], str]] = {
        "expired": lambda: jwt.encode(good | {"exp": int(time.time()) - 1}, key, "HS256", headers=header),
        "without an end": lambda: jwt.encode({"sub": good["sub"]}, key, "HS256", headers=header),
        "of nobody": lambda: jwt.encode({"exp": good["exp"]}, key, "HS256", headers=header),
        "not valid yet": lambda: jwt.encode(good | {"nbf": int(time.time()) + 600}, key, "HS256", headers=header),
        "another key": lambda: jwt.encode(good, b"x" * 32, "HS256", headers=header),
        "unknown key id": lambda: jwt.encode(good, key, "HS256", headers={"kid": "0" * 16}),
        "a path as key id": lambda: jwt.encode(good, b"x" * 32, "HS256", headers={"kid": "../../dev/null"}),
        "no key id": lambda: jwt.encode(good, key, "HS256"),
        "another algorithm": lambda: jwt.encode(good, key, "HS512", headers=header),
        "none": lambda: f"{part({'alg': 'none', 'typ': 'JWT'} | header)}.{part(good)}.",
        "None with the genuine signature": lambda: f"{part({'alg': 'None'} | header)}.{genuine[1]}.{genuine[2]}",
        "tampered claims": lambda: f"{genuine[0]}.{part(claims | {'sub': good['sub']})}.{genuine[2]}",
        "longer life": lambda: f"{genuine[0]}.{part(claims | {'exp': 9_999_999_999})}.{genuine[2]}",
        "cut signature": lambda: customer.token[:-4],
        "no signature": lambda: f"{genuine[0]}.{genuine[1]}.",
        "two parts": lambda: f"{genuine[0]}.{genuine[1]}",
        "huge": lambda: "a." * 3000,
        "a refresh token": lambda: base64.urlsafe_b64encode(b"x" * 48).decode(),
    }
    return makers[name]()


@pytest.mark.parametrize(
    "name",
    [
        "expired", "without an end", "of nobody", "not valid yet", "another key", "unknown key id", "a path as key id", "no key id",
        "another algorithm", "none", "None with the genuine signature", "tampered claims", "longer life", "cut signature", "no signature",
        "two parts", "huge", "a refresh token",
    ],
)  # fmt: skip
def test_a_forged_token_opens_nothing(backend: Backend, anna: Customer, name: str) -> None:
    headers = {"Authorization": f"Bearer {forged(name, backend, anna)}"}
    told = problem(anna.client.get("/api/orders", headers=headers), 401)
    # Which of them it was is nobody's business.
    assert told["detail"] == "The session is over. Please log in again."
    order = anna.client.post("/api/orders", json={"item": "tea", "quantity": 1}, headers=headers | {"Idempotency-Key": "forged"})
    problem(order, 401)


@pytest.mark.parametrize("header", ["", "Bearer", "Basic YTpi", "bearer x y", "Token x"])
def test_without_a_token_there_is_nothing_to_see(anna: Customer, header: str) -> None:
    answer = anna.client.get("/api/orders", headers={"Authorization": header} if header else {})
    problem(answer, 401)
    assert answer.headers["www-authenticate"] == "Bearer"


def test_a_genuine_token_of_an_account_that_is_gone_places_nothing(backend: Backend, anna: Customer) -> None:
    key = base64.b64decode(backend.secret("app", "token_key"))
    claims = {"sub": str(uuid.uuid4()), "exp": int(time.time()) + 600}
    token = jwt.encode(claims, key, "HS256", headers={"kid": key_id(key)})
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": str(uuid.uuid4())}
    problem(anna.client.post("/api/orders", json={"item": "tea", "quantity": 1}, headers=headers), 401)


def test_an_order_of_somebody_else_is_no_order(anna: Customer, bob: Customer) -> None:
    key = str(uuid.uuid4())
    annas = anna.order(note="a secret wish", key=key)
    told = [problem(bob.client.get(f"/api/orders/{name}", headers=bob.headers), 404) for name in (annas, str(uuid.uuid4()))]
    # Whether there is one, nobody else can tell.
    assert told[0] == told[1]
    # Her key is hers: with it he gets an order of his own.
    assert bob.order(key=key) != annas
    assert annas not in bob.client.get("/api/orders", headers=bob.headers).text


INJECTIONS = (
    "'; DROP TABLE orders; --",
    "' OR '1'='1",
    '" OR ""="',
    "1 UNION SELECT password_hash FROM users",
    "\\'; SELECT pg_sleep(10); --",
    "%' AND SLEEP(10) AND '%'='",
    "{{7*7}}${7*7}<%= 7*7 %>",
    "<script>alert(1)</script>",
    "$(touch /tmp/x) `id` | id",
    "../../../../run/secrets/token_key",
    "line\r\nX-Injected: yes",
    "\u202egnp.exe\u0000".rstrip("\u0000"),
)


@pytest.mark.parametrize("text", INJECTIONS)
def test_text_stays_text(anna: Customer, text: str) -> None:
    order = anna.see(anna.order(text, 1, text))
    assert (order["item"], order["note"]) == (text.strip(), text)
    for client in (anna.client,):
        answer = client.get(f"/api/orders/{httpx.QueryParams({'x': text})}".replace("x=", ""), headers=anna.headers)
        problem(answer, 404, 422)
        injected = {"email": f"{text}@example.org", "password": text}
        problem(client.post("/api/auth/login", json=injected), 401, 422)
        problem(client.post("/api/auth/refresh", json={"refresh_token": text}), 401)


def test_no_header_is_made_of_what_a_client_sends(anna: Customer, blue: ColourUnderTest) -> None:
    for name in ("X-Request-Id", "Idempotency-Key", "X-Forwarded-For", "Origin"):
        for value in (b"a\r\nX-Injected: yes", b"a\nX-Injected: yes", b"a\x00b"):
            answer = raw(blue, b"GET /health HTTP/1.1\r\nHost: localhost\r\n" + name.encode() + b": " + value + b"\r\n\r\n")
            head = answer.partition(b"\r\n\r\n")[0].lower()
            assert head.split(b" ")[1] in (b"200", b"400"), answer
            assert b"x-injected" not in head


def raw(blue: ColourUnderTest, request: bytes) -> bytes:
    """The answer to a request that no client would send."""
    context = ssl.create_default_context(cafile=blue.backend.env.path("tls", "ca.crt"))
    with (
        socket.create_connection(("localhost", blue.gateway.port(8443)), timeout=20) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        try:
            connection.sendall(request)
            return connection.recv(65536)
        except (ConnectionError, ssl.SSLError):
            return b""


BOMBS = {
    "deeply nested lists": "[" * 30_000,
    "deeply nested objects": '{"a":' * 10_000,
    "closed nesting": "[" * 15_000 + "]" * 15_000,
    "an item that is a tree": '{"item": ' + "[" * 900 + "]" * 900 + ', "quantity": 1}',
    "many members": "{" + ",".join(f'"k{number}": 1' for number in range(5000)) + "}",
    "the same member again": '{"item": "tea", ' + '"quantity": 1, ' * 2000 + '"quantity": 0}',
    "a number of many digits": '{"item": "tea", "quantity": ' + "9" * 60_000 + "}",
    "an infinite number": '{"item": "tea", "quantity": 1e999}',
    "no number": '{"item": "tea", "quantity": NaN}',
    "a number beyond the table's": '{"item": "tea", "quantity": 9223372036854775808}',
    "a boolean": '{"item": "tea", "quantity": true}',
    "NUL": '{"item": "a\\u0000b", "quantity": 1}',
    "half a character": '{"item": "\\ud83d", "quantity": 1}',
    "another encoding": '{"item": "té", "quantity": 1}'.encode("latin-1"),
    "nothing": "",
    "null": "null",
    "too much": " " * 70_000,
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_a_mistake_like_any_other(anna: Customer, name: str) -> None:
    content = BOMBS[name]
    headers = anna.headers | {"Idempotency-Key": str(uuid.uuid4()), "Content-Type": "application/json"}
    began = time.monotonic()
    answer = anna.client.post("/api/orders", content=content, headers=headers)
    problem(answer, 413) if name == "too much" else problem(answer, 400, 422)
    assert time.monotonic() - began < 10
    # What is refused is not sent back, however long it was.
    assert len(answer.content) < 4096
    assert anna.client.get("/health").status_code == 200


def test_another_kind_of_body_is_refused(anna: Customer) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/xml", "multipart/form-data; boundary=x"):
        headers = anna.headers | {"Idempotency-Key": "kind", "Content-Type": kind}
        problem(anna.client.post("/api/orders", content='{"item": "tea", "quantity": 1}', headers=headers), 415, 422)


def test_headers_have_a_limit(blue: ColourUnderTest) -> None:
    """Behind the edge nobody gets as far: nginx refuses headers of more than a few kilobytes."""
    answer = raw(blue, b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Long: " + b"a" * 2_000_000 + b"\r\n\r\n")
    assert answer == b"" or answer.split(b" ")[1] in (b"400", b"431"), answer[:200]
    assert blue.client().get("/health").status_code == 200


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"])
def test_other_methods_are_not_allowed(anna: Customer, method: str) -> None:
    answer = anna.client.request(method, "/api/orders", headers=anna.headers)
    problem(answer, 405)
    assert answer.headers["allow"]


def test_no_other_origin_is_let_in(anna: Customer) -> None:
    """There is no page but our own, and that one has the same origin: nobody else's scripts read an answer."""
    elsewhere = {"Origin": "https://elsewhere.example"}
    preflight = elsewhere | {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    asked = [anna.client.options(path, headers=preflight) for path in ("/api/orders", "/api/auth/login", "/health")]
    asked += [anna.client.get(path, headers=anna.headers | elsewhere) for path in ("/api/orders", "/health", "/openapi.json")]
    asked += [anna.client.get("/health", headers={"Origin": "null"})]
    for answer in asked:
        assert not [name for name in answer.headers if name.startswith("access-control-")]
    for answer in asked[:3]:
        problem(answer, 405)


# As numbers of the protocol: TLS 1.0, 1.1, 1.2, and a cipher of each kind.
TLS_1_0, TLS_1_1, TLS_1_2 = 0x0301, 0x0302, 0x0303
ECDHE_GCM, RSA_CBC, RC4 = 0xC02B, 0x002F, 0x0005
ECDHE_GCM_RSA = 0xC02F


@pytest.mark.parametrize("version", [TLS_1_0, TLS_1_1])
def test_old_tls_is_refused(blue: ColourUnderTest, version: int) -> None:
    answer = offer(blue.gateway.port(8443), version, [RSA_CBC, ECDHE_GCM, 0xC013, 0xC009])
    assert answer.version is None


def test_weak_ciphers_are_refused(blue: ColourUnderTest) -> None:
    assert offer(blue.gateway.port(8443), TLS_1_2, [RC4]).version is None
    good = offer(blue.gateway.port(8443), TLS_1_2, [ECDHE_GCM, ECDHE_GCM_RSA])
    assert (good.version, good.compression) == (TLS_1_2, 0)


def test_plain_http_is_no_language_of_it(blue: ColourUnderTest) -> None:
    with pytest.raises(httpx.TransportError):
        httpx.get(f"http://localhost:{blue.gateway.port(8443)}/health", timeout=10)


def test_the_pages_of_the_contract_need_no_other_origin(anna: Customer) -> None:
    for path in ("/docs", "/redoc"):
        page = anna.client.get(path)
        assert page.status_code == 200
        assert "//" not in page.text
        policy = dict(rule.split(" ", 1) for rule in page.headers["content-security-policy"].split("; "))
        assert policy["default-src"] == "'none'"
        assert all("http" not in sources and "*" not in sources for sources in policy.values())
