"""What the edge answers by itself: a page for people, problem+json for programs, and never a silent default."""

from __future__ import annotations

import os
import signal
import subprocess
import threading

import httpx
import pytest

from ansible_collections.echobase.platform.plugins.module_utils.traffic.weights import EMPTY, Weights
from harness.colour_under_test import ColourUnderTest
from harness.edge_fixtures import (
    BLUE,
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
from harness.edge_under_test import EdgeUnderTest
from harness.murmur import bucket_of
from harness.raw_http1 import RawConnection
from harness.waiting import eventually

__all__ = ["blue_is_live", "colours", "customer", "edge"]

EDGE_OPTIONS = {"edge_connections_per_client": 3}


def assert_problem(answer: httpx.Response, status: int, error: str) -> None:
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json")
    assert (answer.json()["status"], answer.headers["X-Echobase-Error"]) == (status, error)


def assert_page(answer: httpx.Response, status: int, words: str) -> None:
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "text/html; charset=utf-8")
    assert words in answer.text


def test_before_the_first_release_there_is_a_friendly_page(edge: EdgeUnderTest, customer: httpx.Client) -> None:
    switch(edge, EMPTY)
    assert_page(customer.get("/", headers=PAGE), 503, "No release is live yet")
    for problem in (
        customer.get("/"),
        customer.post("/api/orders", json={}, headers=PAGE),
        customer.delete("/x"),
        customer.get("/assets/a.js"),
    ):
        assert_problem(problem, 503, "nothing-live")
        assert problem.headers["Retry-After"] == "5"
    assert customer.get("/edge/ready").status_code == 200


def test_maintenance_is_a_switch_and_ends_with_one(
    edge: EdgeUnderTest, customer: httpx.Client, colours: dict[str, ColourUnderTest]
) -> None:
    weights = Weights(80, 20)
    switch(edge, weights)
    switch(edge, weights, maintenance=True)
    assert_page(customer.get("/", headers=PAGE), 503, "We are at work on this site")
    events = customer.get("/api/events", headers={"Accept": "text/event-stream"})
    for problem in (customer.get("/"), customer.post("/api/orders", json={}), customer.get("/assets/app.js"), events):
        assert_problem(problem, 503, "maintenance")
        assert (problem.headers["Retry-After"], problem.headers["Cache-Control"]) == ("60", "no-store")
    line = edge.logged(problem.headers["Trace-Id"])
    assert (line["error"], line["colour"]) == ("maintenance", "")
    assert customer.get("/edge/ready").status_code == 200
    assert colours["blue"].requests == colours["green"].requests == []
    switch(edge, weights)
    assert customer.get("/").status_code == 200


def test_a_body_that_is_too_large_is_refused_in_the_clients_language(customer: httpx.Client) -> None:
    assert_problem(customer.post("/api/orders", content=b"x" * 1_100_000), 413, "too-large")
    assert_page(customer.post("/form", content=b"x" * 1_100_000, headers=PAGE), 413, "That is too large")


WAYS_TO_ASK: dict[str, dict[str, str]] = {
    "as usual": {},
    "as a stream": {"Accept": "text/event-stream"},
    "as what can be repeated": {"Idempotency-Key": "4711"},
    "as a stream that can be repeated": {"Accept": "text/event-stream", "Idempotency-Key": "4711"},
    "with an operator's password": {"Authorization": "Basic b3BlcmF0b3I6eA=="},
}


@pytest.mark.parametrize("weights", [BLUE, Weights(80, 20)], ids=["stable", "candidate"])
@pytest.mark.parametrize("headers", WAYS_TO_ASK.values(), ids=WAYS_TO_ASK)
def test_the_api_takes_small_bodies_only_in_every_lane(
    edge: EdgeUnderTest, customer: httpx.Client, colours: dict[str, ColourUnderTest], weights: Weights, headers: dict[str, str]
) -> None:
    """A body waits in the edge's memory until it is whole; whether it tells its length or comes in chunks makes no difference."""
    switch(edge, weights)
    headers = headers | as_client(next(made for made in iter(new_client_id, "") if bucket_of(made) == 0))
    small, large = b"x" * 65_536, b"x" * 65_537
    for path in ("/api/orders", "/api/auth/login", "/api"):
        assert_problem(customer.post(path, content=large, headers=headers), 413, "too-large")
        refused = customer.post(path, content=iter([large]), headers=headers)
        # Where a candidate's failures are replayed, a page of ours for 413 would replace the candidate's own answer, too.
        if weights != BLUE and "Idempotency-Key" in headers:
            assert (refused.status_code, refused.headers["Content-Type"]) == (413, "text/html")
        else:
            assert_problem(refused, 413, "too-large")
        assert colours["blue"].requests == colours["green"].requests == []
        for body in (small, iter([small])):
            answer = customer.post(path, content=body, headers=headers)
            assert (answer.status_code, answer.headers["X-Echobase-Colour"]) == (200, "blue" if weights == BLUE else "green")
        for colour in colours.values():
            colour.forget()
    for body in (large, iter([large])):
        assert customer.post("/upload", content=body, headers=headers).status_code == 200


def test_no_query_is_written_down_whoever_answers(edge: EdgeUnderTest, customer: httpx.Client, colours: dict[str, ColourUnderTest]) -> None:
    """Behind a question mark there may be what opens a preview: asked for, or told as the page that somebody came from."""
    secret = "n0t-f0r-any-l0g"
    query = f'?token={secret}&"{secret}",{secret}'
    cookies = {"Cookie": f"a={'x' * 9000}"}
    colours["blue"].failure = lambda request: "reset" if request.path.startswith("/api/reset") else ""
    asked = {
        "/in-flight": (404, customer.get, {}),
        "/served": (200, customer.get, {}),
        "/api/reset": (502, customer.post, {}),
        "/api/reset/stream": (502, customer.get, {"headers": {"Accept": "text/event-stream"}}),
        "/assets/reset.js": (200, customer.get, {}),
        "/api/large": (413, customer.post, {"content": b"x" * 70_000}),
        "/upload": (413, customer.post, {"content": iter([b"x" * 1_100_000])}),
        "/headers": (431, customer.get, {"headers": cookies}),
    }
    ids = {}
    customer.headers["Referer"] = f"https://localhost/from{query} {secret}"
    for path, (status, ask, options) in asked.items():
        answer = ask(f"{path}{query}", **options)
        assert answer.status_code == status, path
        ids[answer.headers["Trace-Id"]] = path
    for weights, maintenance in ((EMPTY, False), (BLUE, True)):
        switch(edge, weights, maintenance)
        ids[customer.get(f"/nobody/serves{query}").headers["Trace-Id"]] = "/nobody/serves"
    with RawConnection(edge.port, edge.tls_context()) as connection:
        said = f"GET /no/host?token={secret}\xff{secret} HTTP/1.1\r\nReferer: /?\xff{secret}\r\nConnection: close\r\n\r\n"
        connection.send(said.encode("latin-1"))
        assert [answer.status for answer in connection.answers()] == [400]
    assert {trace_id: line["path"] for trace_id, line in edge.logged_requests(ids).items()} == ids

    def complaints() -> list[str]:
        return [line for line in edge.logs().splitlines() if "/api/reset" in line]

    # Two for each that was reset: it is tried once more, on a fresh connection.
    eventually(lambda: len(complaints()) >= 2, "nginx complains")
    assert all('request: "POST /api/reset? HTTP/1.1", upstream: "https://' in line for line in complaints() if '"POST' in line)
    assert all(line.endswith('referrer: "https://localhost/from?"') for line in complaints())
    assert secret not in edge.logs()
    assert secret not in (edge.home / "edge-log" / "access.log").read_text(errors="replace")


def test_what_nginx_says_before_it_serves_is_heard(edge: EdgeUnderTest) -> None:
    """It ends at once then, and whatever passes its complaints on ends with it."""
    command = ["docker", "exec", edge.container, "sh", "-c", "echo nonsense > /tmp/x.conf; nginx -e /tmp/errors -c /tmp/x.conf"]
    tried = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (tried.returncode, 'unexpected end of file, expecting ";" or "}" in /tmp/x.conf' in tried.stderr) == (1, True)


def test_complaints_are_passed_on_again_when_their_filter_dies(edge: EdgeUnderTest, colours: dict[str, ColourUnderTest]) -> None:
    listing = subprocess.run(["docker", "top", edge.container, "-eo", "pid,args"], check=True, capture_output=True, text=True).stdout
    (filter_process,) = [int(line.split()[0]) for line in listing.splitlines() if "sed -E" in line]
    os.kill(filter_process, signal.SIGKILL)
    colours["blue"].failure = lambda _: "reset"
    with customer_of(edge) as client:
        assert client.post("/api/after-the-filter-died?x").status_code == 502
    eventually(lambda: "/api/after-the-filter-died?" in edge.logs(), "somebody passes complaints on")


def test_an_address_that_is_too_long_is_refused(customer: httpx.Client) -> None:
    assert_problem(customer.get(f"/{'x' * 9000}"), 414, "address-too-long")


def test_headers_that_are_too_large_are_refused(customer: httpx.Client) -> None:
    assert_problem(customer.get("/", headers={"Cookie": f"a={'x' * 9000}"}), 431, "headers-too-large")
    assert_page(customer.get("/", headers=PAGE | {"Cookie": f"a={'x' * 9000}"}), 431, "delete the cookies of this site")


def test_what_is_no_http_is_refused(edge: EdgeUnderTest) -> None:
    with RawConnection(edge.port, edge.tls_context()) as connection:
        connection.send(b"GET / HTTP/1.1\r\n\r\n")
        answer = connection.answer()
        assert answer is not None
        assert (answer.status, b'"status": 400' in answer.body) == (400, True)


def test_one_client_cannot_take_all(edge: EdgeUnderTest, colours: dict[str, ColourUnderTest]) -> None:
    """Requests that wait for their answer count; connections that are merely open do not."""
    held = colours["blue"].held["/api/slow"] = threading.Event()
    connections = [RawConnection(edge.port, edge.tls_context()) for _ in range(6)]
    try:
        for connection in connections[:3]:
            connection.send(b"GET /api/slow HTTP/1.1\r\nHost: localhost\r\n\r\n")
        eventually(lambda: len(colours["blue"].requests) == 3, "the requests arrive")
        with customer_of(edge) as greedy:
            assert_problem(greedy.get("/api/orders"), 429, "too-many-requests")
            assert_page(greedy.get("/", headers=PAGE), 429, "Too many requests at once")
            transport = httpx.HTTPTransport(local_address="127.0.0.9", verify=edge.tls_context())
            with httpx.Client(base_url=f"https://localhost:{edge.port}", transport=transport) as other:
                assert other.get("/api/orders").status_code == 200
            held.set()
            assert all((answer := connection.answer()) and answer.status == 200 for connection in connections[:3])
            assert greedy.get("/api/orders").status_code == 200
    finally:
        held.set()
        for connection in connections:
            connection.socket.close()


def test_plain_http_is_shown_the_way(edge: EdgeUnderTest) -> None:
    answer = httpx.get(f"http://localhost:{edge.port}/api/orders?limit=5")
    assert (answer.status_code, answer.headers["Location"]) == (308, f"https://localhost:{edge.port}/api/orders?limit=5")


def test_internal_addresses_are_internal(edge: EdgeUnderTest, customer: httpx.Client) -> None:
    for path in ("/edge/pages/choose.html", "/edge/nginx.conf", "/edge/"):
        assert_problem(customer.get(path), 404, "not-found")
    assert "Active connections" in customer.get("/edge/status").text
    other_address = subprocess.run(["hostname", "-I"], check=True, capture_output=True, text=True).stdout.split()[0]
    assert httpx.get(f"https://{other_address}:{edge.port}/edge/status", verify=False).status_code == 403


@pytest.mark.parametrize("header", ["X-Accel-Redirect", "X-Echobase-Error"])
def test_a_colour_cannot_speak_for_the_edge(customer: httpx.Client, colours: dict[str, ColourUnderTest], header: str) -> None:
    colours["blue"].headers[header] = "/edge/pages/maintenance.json"
    answer = customer.get("/")
    assert (answer.status_code, answer.json()["colour"]) == (200, "blue")
    assert header not in answer.headers
