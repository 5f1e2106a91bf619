"""Slow clients, endless answers, many requests on one connection, and answers made small: what a plain request does not show."""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import threading
from collections.abc import Iterator

import httpx
import pytest

from ansible_collections.echobase.platform.plugins.module_utils.traffic.weights import Weights
from harness.colour_under_test import ColourUnderTest
from harness.edge_fixtures import (
    CLIENT,
    GREEN,
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

EDGE_OPTIONS = {"edge_candidate_timeout": 1, "edge_stream_seconds": 3, "edge_http3": True}
EVENTS = {"Accept": "text/event-stream"}
CANARY = Weights(80, 20)
HALF_A_SECOND_LONGER_THAN_A_CANDIDATE_MAY_TAKE = 1.5


@pytest.fixture
def green_client_id(edge: EdgeUnderTest) -> str:
    switch(edge, CANARY)
    return next(made for made in iter(new_client_id, "") if bucket_of(made) in CANARY.buckets("green"))


@pytest.fixture
def released_late(colours: dict[str, ColourUnderTest]) -> Iterator[threading.Event]:
    """Set after a candidate's time is over."""
    event = threading.Event()
    timer = threading.Timer(HALF_A_SECOND_LONGER_THAN_A_CANDIDATE_MAY_TAKE, event.set)
    timer.start()
    yield event
    timer.cancel()
    event.set()


# --- endless answers -------------------------------------------------------------------------------------


def open_websocket(edge: EdgeUnderTest, client_id: str) -> RawConnection:
    connection = RawConnection(edge.port, edge.tls_context())
    key = base64.b64encode(os.urandom(16)).decode()
    connection.send(
        f"GET /api/live HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Cookie: {CLIENT}={client_id}\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    answer = connection.answer()
    assert answer is not None
    assert answer.status == 101
    return connection


def echo(connection: RawConnection, data: bytes) -> bytes:
    connection.send(data)
    return connection.socket.recv(len(data))


def test_websockets_pass_and_outlive_a_switch(edge: EdgeUnderTest) -> None:
    with open_websocket(edge, new_client_id()) as connection:
        assert echo(connection, b"anything") == b"anything"
        switch(edge, GREEN)
        assert echo(connection, b"anything else") == b"anything else"


def test_nothing_but_websockets_is_upgraded(customer: httpx.Client) -> None:
    seen = customer.get("/", headers={"Upgrade": "h2c", "Connection": "Upgrade"}).json()["headers"]
    assert "upgrade" not in seen


@pytest.mark.parametrize(("mine", "http2"), [("blue", False), ("blue", True), ("green", False), ("green", True)])
def test_events_arrive_as_they_are_sent_however_long_that_takes(
    edge: EdgeUnderTest,
    colours: dict[str, ColourUnderTest],
    green_client_id: str,
    released_late: threading.Event,
    *,
    mine: str,
    http2: bool,
) -> None:
    """For a candidate's client, too, whose other requests have less time."""
    if mine == "blue":
        switch(edge, Weights.all_to("blue"))
    colours[mine].held["/api/events"] = released_late
    with customer_of(edge, http2) as client, client.stream("GET", "/api/events", headers=EVENTS | as_client(green_client_id)) as answer:
        events = answer.iter_bytes()
        assert next(events) == b"data: first\n\n"
        assert not released_late.is_set()
        assert next(events) == b"data: second\n\n"


def test_a_silent_stream_is_closed_in_the_end(edge: EdgeUnderTest, customer: httpx.Client) -> None:
    with customer.stream("GET", "/api/events", headers=EVENTS) as answer, pytest.raises(httpx.RemoteProtocolError):
        list(answer.iter_bytes())


@pytest.mark.parametrize("failure", ["503", "reset"])
def test_a_stream_that_a_candidate_does_not_begin_is_begun_by_the_stable_colour(
    edge: EdgeUnderTest, customer: httpx.Client, colours: dict[str, ColourUnderTest], green_client_id: str, failure: str
) -> None:
    colours["green"].failure = lambda _: failure
    with customer.stream("GET", "/api/events", headers=EVENTS | as_client(green_client_id)) as answer:
        assert answer.headers["X-Echobase-Colour"] == "blue"
        assert next(answer.iter_bytes()) == b"data: first\n\n"
    with open_websocket(edge, green_client_id) as connection:
        assert echo(connection, b"anything") == b"anything"
    assert len(colours["green"].failed) == len(colours["blue"].requests) == 2


def test_a_request_without_a_key_may_take_its_time_with_a_candidate(
    customer: httpx.Client, colours: dict[str, ColourUnderTest], green_client_id: str, released_late: threading.Event
) -> None:
    """Nobody would know whether a second one is the same."""
    colours["green"].held["/api/orders"] = released_late
    answer = customer.post("/api/orders", json={}, headers=as_client(green_client_id))
    assert (answer.status_code, answer.json()["colour"], released_late.is_set()) == (200, "green", True)
    assert colours["blue"].requests == []


# --- slow clients ----------------------------------------------------------------------------------------


def test_a_slow_sender_does_not_hold_a_colour(edge: EdgeUnderTest, customer: httpx.Client, colours: dict[str, ColourUnderTest]) -> None:
    with RawConnection(edge.port, edge.tls_context()) as slow:
        slow.send(b"POST /api/slow HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhalf ")
        assert customer.get("/api/orders").status_code == 200
        assert colours["blue"].begun == ["/api/orders"]
        slow.send(b"of it")
        answer = slow.answer()
        assert answer is not None
        assert answer.status == 200
    assert colours["blue"].requests[-1].body == "half of it"


def test_a_slow_reader_does_not_hold_a_colour(edge: EdgeUnderTest, colours: dict[str, ColourUnderTest]) -> None:
    """The answer is larger than all socket buffers on its way."""
    colours["blue"].padding["/api/large"] = 24_000_000
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    plain.connect(("127.0.0.1", edge.port))
    with edge.tls_context().wrap_socket(plain, server_hostname="localhost") as slow:
        slow.sendall(b"GET /api/large HTTP/1.1\r\nHost: localhost\r\n\r\n")
        eventually(lambda: len(colours["blue"].sent) == 1, "the colour has sent its answer")
        assert slow.recv(15) == b"HTTP/1.1 200 OK"


# --- HTTP/2 ----------------------------------------------------------------------------------------------


def test_http2_is_served(edge: EdgeUnderTest, colours: dict[str, ColourUnderTest], green_client_id: str) -> None:
    with customer_of(edge, http2=True) as client:
        answer = client.post("/api/orders", content="hello", headers=as_client(green_client_id))
        assert (answer.http_version, answer.json()["body"], answer.json()["colour"]) == ("HTTP/2", "hello", "green")
        colours["green"].failure = lambda _: "500"
        replayed = client.get("/", headers=as_client(green_client_id))
        assert (replayed.status_code, replayed.json()["colour"]) == (200, "blue")


def test_http3_is_served_where_it_is_wanted(edge: EdgeUnderTest, customer: httpx.Client, colours: dict[str, ColourUnderTest]) -> None:
    assert customer.get("/").headers["Alt-Svc"] == f'h3=":{edge.port}"; ma=86400'
    shown = curl(edge, "/api/orders", "--http3-only", "--data", "hello", "--write-out", "%{stderr}%{http_version} %{http_code}")
    assert (shown.stderr, json.loads(shown.stdout)["body"]) == ("3 200", "hello")
    assert colours["blue"].requests[-1].headers["host"].partition(":")[0] == "localhost"


# --- compression -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("mine", ["blue", "green"])
def test_answers_are_compressed_but_those_with_secrets(
    edge: EdgeUnderTest, customer: httpx.Client, colours: dict[str, ColourUnderTest], green_client_id: str, mine: str
) -> None:
    if mine == "blue":
        switch(edge, Weights.all_to("blue"))
    for path, expected in (("/api/orders", "gzip"), ("/api/auth/login", None), ("/api/authors", "gzip"), ("/assets/app.js", "gzip")):
        colours[mine].padding[path] = 4000
        answer = customer.get(path, headers=as_client(green_client_id))
        assert (answer.headers["X-Echobase-Colour"], answer.headers.get("Content-Encoding")) == (mine, expected)
        assert len(answer.json()["padding"]) == 4000
    assert "Content-Encoding" not in customer.get("/api/other", headers={"Accept-Encoding": ""}).headers


def test_brotli_is_preferred(edge: EdgeUnderTest, customer: httpx.Client, colours: dict[str, ColourUnderTest]) -> None:
    for path, expected in (("/api/orders", "br"), ("/api/auth/login", None)):
        colours["blue"].padding[path] = 4000
        answer = customer.get(path, headers={"Accept-Encoding": "gzip, br"})
        assert answer.headers.get("Content-Encoding") == expected
    assert "x" * 4000 in curl(edge, "/api/orders", "--compressed", "--header", "Accept-Encoding: br").stdout


def curl(edge: EdgeUnderTest, path: str, *options: str) -> subprocess.CompletedProcess[str]:
    """The one of the edge's own image knows more than a Python client does."""
    asked = [
        "docker",
        "exec",
        edge.container,
        "curl",
        "--silent",
        "--cacert",
        "/edge/ca.crt",
        f"https://localhost:{edge.port}{path}",
        *options,
    ]
    return subprocess.run(asked, check=True, capture_output=True, text=True)
