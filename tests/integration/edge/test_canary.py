"""A candidate with part of the traffic: who belongs to it, and that its failures stay between it and the edge."""

from __future__ import annotations

import concurrent.futures
import json
import zlib
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from ansible_collections.echobase.platform.plugins.module_utils.traffic.weights import Weights
from harness.colour_under_test import ColourUnderTest, Request
from harness.edge_fixtures import (
    BLUE,
    GREEN,
    PAGE,
    as_client,
    blue_is_live,
    colour_for,
    colours,
    customer,
    customer_of,
    edge,
    new_client_id,
    switch,
)
from harness.edge_under_test import EdgeUnderTest, order_system_at
from harness.murmur import bucket_of

__all__ = ["blue_is_live", "colours", "customer", "edge"]

# Bodies that nginx keeps in a file are replayed as well; by its own definition the API takes none so large.
EDGE_OPTIONS = {"edge_candidate_timeout": 1, "edge_routes": lambda facts: order_system_at(facts, body="")}
CANARY = Weights(80, 20)
KEYED = {"Idempotency-Key": "4711"}
FAILURES = ["500", "502", "503", "504", "reset", "hang"]


@pytest.fixture
def canary(edge: EdgeUnderTest, blue_is_live: None) -> None:
    switch(edge, CANARY)


@pytest.fixture
def green_client(edge: EdgeUnderTest, canary: None) -> Iterator[httpx.Client]:
    """One whose bucket belongs to the candidate."""
    client_id = next(made for made in iter(new_client_id, "") if bucket_of(made) in CANARY.buckets("green"))
    with customer_of(edge) as client:
        client.headers.update(as_client(client_id))
        yield client


# --- who belongs to the candidate ------------------------------------------------------------------------


@pytest.mark.parametrize("history", [[BLUE, CANARY], [GREEN, CANARY], [BLUE, CANARY, Weights(30, 70)]])
def test_the_edge_divides_clients_as_the_weights_say(edge: EdgeUnderTest, customer: httpx.Client, history: list[Weights]) -> None:
    for weights in history:
        switch(edge, weights)
    green = set(history[-1].buckets("green"))
    for client in (new_client_id() for _ in range(60)):
        assert colour_for(customer, client) == ("green" if bucket_of(client) in green else "blue")


@pytest.mark.parametrize("share", [10, 20, 37, 50])
def test_of_20_000_clients_a_colour_gets_its_share_within_one_point(share: int) -> None:
    green = set(Weights(100 - share, share).buckets("green"))
    found = sum(bucket_of(new_client_id()) in green for _ in range(20_000)) / 20_000
    # A point is almost three standard deviations: more often than once in 300 runs would be a bias. Five are once in two million runs.
    expected = share / 100
    assert abs(found - expected) < max(0.01, 5 * (expected * (1 - expected) / 20_000) ** 0.5)


def test_clients_only_move_towards_the_colour_that_grows(edge: EdgeUnderTest, customer: httpx.Client) -> None:
    clients = [new_client_id() for _ in range(80)]
    green_before: set[str] = set()
    for share in (10, 30, 60, 100):
        switch(edge, Weights(100 - share, share))
        green = {client for client in clients if colour_for(customer, client) == "green"}
        assert green_before <= green
        green_before = green
    assert green_before == set(clients)


# --- its failures ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize(("method", "headers"), [("GET", {}), ("HEAD", {}), ("POST", KEYED), ("PUT", KEYED), ("DELETE", KEYED)])
def test_what_can_be_repeated_is_replayed_once_on_the_stable_colour(
    edge: EdgeUnderTest,
    green_client: httpx.Client,
    colours: dict[str, ColourUnderTest],
    *,
    method: str,
    headers: dict[str, str],
    failure: str,
) -> None:
    colours["green"].failure = lambda _: failure
    # More than nginx keeps in memory.
    body = "" if method in ("GET", "HEAD") else json.dumps({"note": "x" * 200_000})
    answer = green_client.request(method, "/api/orders?limit=5", content=body, headers=headers)
    assert (answer.status_code, answer.headers["X-Echobase-Colour"]) == (200, "blue")
    (at_green,), (at_blue,) = colours["green"].requests, colours["blue"].requests
    assert (
        (at_blue.method, at_blue.path, at_blue.body)
        == (at_green.method, at_green.path, at_green.body)
        == (method, "/api/orders?limit=5", body)
    )
    assert at_blue.headers == at_green.headers
    line = edge.logged(answer.headers["Trace-Id"])
    assert (line["replayed_from"], line["colour"], line["status"], line["error"]) == ("green", "blue", 200, "")
    assert [address.rpartition(":")[2] for address in line["upstream"].split(" : ")] == ["8443", "8443"]
    assert len(line["upstream_status"].split(" : ")) == 2


@pytest.mark.parametrize("failure", ["500", "503", "reset"])
def test_what_cannot_be_repeated_gets_the_candidates_own_answer(
    edge: EdgeUnderTest, green_client: httpx.Client, colours: dict[str, ColourUnderTest], failure: str
) -> None:
    colours["green"].failure = lambda _: failure
    answer = green_client.post("/api/orders", json={})
    if failure.isdigit():
        assert (answer.status_code, answer.json()["colour"]) == (int(failure), "green")
    else:
        assert (answer.status_code, answer.headers["X-Echobase-Error"]) == (502, "colour-away")
    assert colours["blue"].requests == []
    assert edge.logged(answer.headers["Trace-Id"])["replayed_from"] == ""


@pytest.mark.parametrize("status", [400, 404, 409, 413, 422, 429, 501])
def test_what_the_candidate_refuses_is_no_failure(green_client: httpx.Client, colours: dict[str, ColourUnderTest], status: int) -> None:
    colours["green"].statuses["/api/orders"] = status
    for answer in (green_client.get("/api/orders"), green_client.post("/api/orders", json={}, headers=KEYED)):
        assert (answer.status_code, answer.json()["colour"]) == (status, "green")
    assert colours["blue"].requests == []


def test_the_stable_colours_answer_is_the_clients_whatever_it_is(
    edge: EdgeUnderTest, green_client: httpx.Client, colours: dict[str, ColourUnderTest]
) -> None:
    colours["green"].failure = lambda _: "500"
    colours["blue"].statuses["/api/orders"] = 503
    answer = green_client.post("/api/orders", json={}, headers=KEYED)
    assert (answer.status_code, answer.json()["colour"]) == (503, "blue")
    colours["blue"].failure = lambda _: "reset"
    answer = green_client.post("/api/orders", json={}, headers=KEYED)
    assert (answer.status_code, answer.headers["X-Echobase-Error"]) == (502, "colour-away")
    line = edge.logged(answer.headers["Trace-Id"])
    assert (line["replayed_from"], line["error"]) == ("green", "colour-away")
    assert len(colours["blue"].requests) == 2


def test_the_stable_colours_failures_are_its_own(edge: EdgeUnderTest, customer: httpx.Client, colours: dict[str, ColourUnderTest]) -> None:
    switch(edge, CANARY)
    client_id = next(made for made in iter(new_client_id, "") if bucket_of(made) in CANARY.buckets("blue"))
    colours["blue"].failure = lambda _: "500"
    answer = customer.get("/", headers=as_client(client_id))
    assert (answer.status_code, answer.json()["colour"]) == (500, "blue")
    assert colours["green"].requests == []


def test_a_candidate_that_is_away_costs_nobody_a_request(
    edge: EdgeUnderTest, green_client: httpx.Client, colours: dict[str, ColourUnderTest]
) -> None:
    colours["green"].stop()
    try:
        for answer in (green_client.get("/", headers=PAGE), green_client.post("/api/orders", json={}, headers=KEYED)):
            assert (answer.status_code, answer.json()["colour"]) == (200, "blue")
            assert edge.logged(answer.headers["Trace-Id"])["replayed_from"] == "green"
    finally:
        colours["green"].start()


def test_a_full_release_is_no_candidate_any_more(edge: EdgeUnderTest, customer: httpx.Client, colours: dict[str, ColourUnderTest]) -> None:
    switch(edge, CANARY)
    switch(edge, GREEN)
    colours["green"].failure = lambda _: "500"
    answer = customer.get("/")
    assert (answer.status_code, answer.json()["colour"]) == (500, "green")
    assert colours["blue"].requests == []


def test_keyed_clients_see_no_failure_of_a_candidate_that_fails_almost_every_third_request(
    edge: EdgeUnderTest, canary: None, colours: dict[str, ColourUnderTest]
) -> None:
    """The proof in small: 30 % of what the candidate gets fails, in every way, and the log's count of it is exact."""
    colours["green"].failure = fails_of_a_hundred(30)
    requests_each = 25

    def order(client_ids: list[str]) -> list[httpx.Response]:
        with customer_of(edge) as client:
            answers = []
            for client_id in client_ids:
                for number in range(requests_each):
                    headers = as_client(client_id) | {"Idempotency-Key": f"{client_id}-{number}"}
                    answers.append(client.post("/api/orders", json={"quantity": number}, headers=headers))
                    client.cookies.clear()
            return answers

    groups = [[new_client_id() for _ in range(10)] for _ in range(8)]
    with concurrent.futures.ThreadPoolExecutor(len(groups)) as pool:
        answers = [answer for found in pool.map(order, groups) for answer in found]
    assert Counter(answer.status_code for answer in answers) == {200: 8 * 10 * requests_each}

    failed = [request.headers["x-request-id"] for request in colours["green"].failed]
    assert len(failed) > 50
    lines = edge.logged_requests({answer.headers["Trace-Id"] for answer in answers})
    replayed = [trace_id for trace_id, line in lines.items() if line["replayed_from"] == "green"]
    assert Counter(replayed) == Counter(failed)
    assert all(lines[trace_id]["colour"] == "blue" for trace_id in failed)
    # What did not fail was the candidate's to answer.
    answered_by_green = sum(line["colour"] == "green" for line in lines.values())
    assert answered_by_green == len(colours["green"].requests) - len(failed)


def fails_of_a_hundred(share: int) -> Any:
    def failure(request: Request) -> str:
        drawn = zlib.crc32(request.headers["x-request-id"].encode())
        return ["500", "503", "reset", "reset", "hang"][drawn // 100 % 5] if drawn % 100 < share else ""

    return failure
