"""A stranger's application, whose releases have different routes: who belongs to a colour sees that colour's, whatever traffic does."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator

import httpx
import pytest

from ansible_collections.echobase.platform.plugins.module_utils.traffic.weights import EMPTY, Weights
from harness.colour_under_test import ColourUnderTest
from harness.edge_fixtures import (
    BLUE,
    CLIENT,
    GREEN,
    PAGE,
    as_client,
    blue_is_live,
    colours,
    customer,
    customer_of,
    edge,
    new_client_id,
    switch,
)
from harness.edge_under_test import EdgeUnderTest, routes_settings
from harness.murmur import bucket_of
from harness.raw_http1 import RawConnection

__all__ = ["blue_is_live", "colours", "customer", "edge"]

EDGE_PLACE = ("routes", 30523, "127.88")
EDGE_OPTIONS = {"edge_candidate_timeout": 1, "edge_stream_seconds": 3}
CANARY = Weights(80, 20)
KEYED = {"X-Once": "4711"}
SERVICES = ("web", "api", "reports")
# Nobody told these services of colours, so that none of their answers names one.
EDGE_APPLICATION = {
    "blue": routes_settings(
        SERVICES,
        routes={
            "/": {"service": "web", "port": 8080, "pages": True},
            "/static": {"service": "web", "port": 8080, "shared": True},
            "/api": {"service": "api", "port": 9443, "tls": True, "body": "64k"},
            "/api/v1": {"service": "reports", "port": 9000},
            "/admin": {"service": "web", "port": 8080},
            "/upload": {"service": "api", "port": 9443, "tls": True, "body": "2m"},
            "/slow": {"service": "reports", "port": 9000, "seconds": 3},
        },
        in_flight={"web": "/busy", "api": "/api/busy"},
        repeatable="X-Once",
    ),
    # This one has no page at /.
    "green": routes_settings(
        SERVICES,
        routes={
            "/api": {"service": "api", "port": 9443, "tls": True, "body": "64k"},
            "/api/v2": {"service": "reports", "port": 9000},
            "/slow": {"service": "reports", "port": 9000, "seconds": 3},
            "/new": {"service": "api", "port": 9443, "tls": True},
            "/admin": {"service": "web", "port": 8080, "operators": True},
            "/static": {"service": "web", "port": 8080, "shared": True},
        },
        repeatable="X-Once",
    ),
}
NOBODY = "not-found"
SETS = {
    "blue": {"/": "web", "/api": "api", "/api/orders": "api", "/api/v1/x": "reports", "/api/v2/x": "api", "/new": "web", "/admin/x": "web"},
    "green": {
        "/": NOBODY,
        "/api": "api",
        "/api/orders": "api",
        "/api/v1/x": "api",
        "/api/v2/x": "reports",
        "/new": "api",
        "/admin/x": NOBODY,
    },
}


@pytest.fixture(scope="module")
def clients() -> dict[str, str]:
    """One who is with the candidate, and one who is not."""
    found: dict[str, str] = {}
    while len(found) < 2:
        made = new_client_id()
        found["green" if bucket_of(made) in CANARY.buckets("green") else "blue"] = made
    return found


@pytest.fixture
def green_client(edge: EdgeUnderTest, clients: dict[str, str], blue_is_live: None) -> Iterator[httpx.Client]:
    switch(edge, CANARY)
    with customer_of(edge) as client:
        client.headers.update(as_client(clients["green"]))
        yield client


WAYS_TO_ASK: dict[str, tuple[str, dict[str, str]]] = {
    "as usual": ("GET", {}),
    "as what changes something": ("POST", {}),
    "as a stream": ("GET", {"Accept": "text/event-stream"}),
    "with an operator's password": ("POST", {"Authorization": "Basic b3BlcmF0b3I6eA=="}),
}


@pytest.mark.parametrize(("method", "headers"), WAYS_TO_ASK.values(), ids=WAYS_TO_ASK)
def test_each_client_sees_its_colours_routes_through_a_release_and_back(
    edge: EdgeUnderTest, customer: httpx.Client, clients: dict[str, str], method: str, headers: dict[str, str]
) -> None:
    for weights in (BLUE, CANARY, GREEN, CANARY, BLUE):
        switch(edge, weights)
        for client in clients.values():
            colour = "green" if bucket_of(client) in weights.buckets("green") else "blue"
            seen = {path: who_answers(customer.request(method, path, headers=headers | as_client(client))) for path in SETS[colour]}
            assert seen == {path: (service, colour if service != NOBODY else "") for path, service in SETS[colour].items()}


def test_what_a_colour_has_no_route_for_is_a_page_in_the_clients_language(edge: EdgeUnderTest, customer: httpx.Client) -> None:
    switch(edge, GREEN)
    for path, form in (("/", "text/html; charset=utf-8"), ("/admin", "application/problem+json")):
        answer = customer.get(path, headers=PAGE)
        assert (answer.status_code, answer.headers["Content-Type"]) == (404, form)
    switch(edge, EMPTY)
    assert customer.get("/").headers["X-Echobase-Error"] == "nothing-live"


def who_answers(answer: httpx.Response) -> tuple[str, str]:
    if answer.status_code == 404:
        return answer.headers["X-Echobase-Error"], answer.headers.get("X-Echobase-Colour", "")
    seen = answer.json()
    # The edge says it where the application does not, and says the truth.
    assert seen["colour"] == answer.headers["X-Echobase-Colour"]
    return seen["service"], seen["colour"]


@pytest.mark.parametrize(
    ("path", "service"),
    [
        ("/apix", "web"),
        ("/api", "api"),
        ("/api/", "api"),
        ("/api/v1", "reports"),
        ("/api/v1/", "reports"),
        ("/api/v10", "api"),
        ("/Api", "web"),
        ("/%61pi/v1/x", "reports"),
        ("//api//v1", "reports"),
        ("/x/api/v1", "web"),
    ],
)
def test_a_prefix_is_whole_parts_of_a_path(edge: EdgeUnderTest, customer: httpx.Client, path: str, service: str) -> None:
    for method, headers in WAYS_TO_ASK.values():
        seen = customer.request(method, f"https://localhost:{edge.port}{path}", headers=headers).json()
        assert (seen["service"], seen["path"]) == (service, path)


def test_each_route_has_its_own_largest_body(customer: httpx.Client) -> None:
    for path, most in (("/api/x", 1 << 16), ("/upload/x", 2 << 20)):
        assert customer.post(path, content=b"x" * most).status_code == 200
        for _, headers in WAYS_TO_ASK.values():
            for body in (b"x" * (most + 1), iter([b"x" * (most + 1)])):
                answer = customer.post(path, content=body, headers=headers)
                assert (answer.status_code, answer.headers["X-Echobase-Error"]) == (413, "too-large")


def test_how_busy_a_service_is_is_nobodys_business(customer: httpx.Client, colours: dict[str, ColourUnderTest]) -> None:
    for path in ("/busy", "/api/busy"):
        assert who_answers(customer.get(path)) == (NOBODY, "")
    assert colours["blue"].requests == []
    assert customer.get("/busy/x").status_code == 200


@pytest.mark.parametrize("weights", [BLUE, CANARY], ids=["stable", "candidate"])
@pytest.mark.parametrize("path", ["/new/live", "/api/v2/live"])
def test_a_websocket_goes_wherever_a_route_leads(edge: EdgeUnderTest, clients: dict[str, str], weights: Weights, path: str) -> None:
    switch(edge, weights)
    with RawConnection(edge.port, edge.tls_context()) as connection:
        key = base64.b64encode(os.urandom(16)).decode()
        connection.send(
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Cookie: {CLIENT}={clients['green']}\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        answer = connection.answer()
        assert answer is not None
        assert (answer.status, f"x-echobase-colour: {'blue' if weights == BLUE else 'green'}" in answer.head.lower()) == (101, True)
        connection.send(b"any bytes")
        assert connection.socket.recv(9) == b"any bytes"


def test_what_both_have_is_asked_of_the_stable_colour_when_the_candidate_fails(
    edge: EdgeUnderTest, green_client: httpx.Client, colours: dict[str, ColourUnderTest]
) -> None:
    colours["green"].failure = lambda _: "500"
    for answer in (green_client.get("/api/v2/x"), green_client.post("/api/v2/x", headers=KEYED)):
        # By the stable colour's own routes.
        assert who_answers(answer) == ("api", "blue")
        assert edge.logged(answer.headers["Trace-Id"])["replayed_from"] == "green"
    # Another application's header means nothing.
    assert green_client.post("/api/v2/x", headers={"Idempotency-Key": "4711"}).status_code == 500


def test_a_route_says_for_how_long_an_answer_may_be_waited_for(
    edge: EdgeUnderTest, green_client: httpx.Client, colours: dict[str, ColourUnderTest]
) -> None:
    """Here longer than a candidate may be silent elsewhere, and shorter than a colour usually is waited for."""
    colours["green"].failure = lambda _: "hang"
    answer = green_client.get("/slow")
    assert (who_answers(answer), answer.elapsed.total_seconds() > 2.5) == (("reports", "blue"), True)
    switch(edge, GREEN)
    answer = green_client.get("/slow")
    assert (answer.status_code, answer.elapsed.total_seconds() > 2.5) == (504, True)


def test_files_of_a_release_are_there_for_pages_of_the_other(
    edge: EdgeUnderTest, clients: dict[str, str], customer: httpx.Client, colours: dict[str, ColourUnderTest]
) -> None:
    switch(edge, CANARY)
    colours["green"].statuses["/static/old.js"] = 404
    colours["blue"].statuses["/static/new.js"] = 404
    for client in clients.values():
        for path, owner in (("/static/old.js", "blue"), ("/static/new.js", "green")):
            answer = customer.get(path, headers=as_client(client))
            assert (answer.status_code, answer.headers["X-Echobase-Colour"], answer.json()["colour"]) == (200, owner, owner)


def test_a_service_that_is_away_is_a_page_in_the_clients_language(customer: httpx.Client, colours: dict[str, ColourUnderTest]) -> None:
    colours["blue"].stop()
    try:
        forms = {path: customer.get(path, headers=PAGE) for path in ("/x", "/api/x", "/api/v1/x")}
        assert {path: (answer.status_code, answer.headers["Content-Type"].partition(";")[0]) for path, answer in forms.items()} == {
            "/x": (502, "text/html"),
            "/api/x": (502, "application/problem+json"),
            "/api/v1/x": (502, "application/problem+json"),
        }
        assert "X-Echobase-Colour" not in forms["/x"].headers
    finally:
        colours["blue"].start()


def test_a_colours_own_word_is_left_as_it_is(customer: httpx.Client, colours: dict[str, ColourUnderTest]) -> None:
    colours["blue"].headers["X-Echobase-Colour"] = "its-own-word"
    for method, headers in WAYS_TO_ASK.values():
        assert customer.request(method, "/", headers=headers).headers.get_list("X-Echobase-Colour") == ["its-own-word"]


def test_the_log_knows_every_service(edge: EdgeUnderTest, green_client: httpx.Client) -> None:
    ids = {green_client.get(path).headers["Trace-Id"]: path for path in ("/static/x", "/api/v2/x", "/new")}
    lines = edge.logged_requests(ids)
    assert {line["colour"] for line in lines.values()} == {"green"}
