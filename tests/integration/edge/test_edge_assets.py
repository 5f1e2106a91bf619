"""A page and its hashed files belong together, also when the page was opened before a switch or its client has moved."""

from __future__ import annotations

import httpx
import pytest

from ansible_collections.echobase.platform.plugins.module_utils.traffic.weights import Weights
from harness.colour_under_test import ColourUnderTest
from harness.edge_fixtures import BLUE, GREEN, as_client, blue_is_live, colours, customer, edge, new_client_id, switch
from harness.edge_under_test import EdgeUnderTest
from harness.murmur import bucket_of

__all__ = ["blue_is_live", "colours", "customer", "edge"]

OLD, NEW = "/assets/index-0ld.js", "/assets/index-n3w.js"
CANARY = Weights(80, 20)


@pytest.fixture(autouse=True)
def each_release_has_its_files(blue_is_live: None, colours: dict[str, ColourUnderTest]) -> None:
    colours["blue"].statuses[NEW] = 404
    colours["green"].statuses[OLD] = 404


def clients() -> dict[str, str]:
    """One of each colour."""
    found: dict[str, str] = {}
    while len(found) < 2:
        made = new_client_id()
        found["green" if bucket_of(made) in CANARY.buckets("green") else "blue"] = made
    return found


@pytest.mark.parametrize("weights", [BLUE, CANARY, GREEN])
def test_files_of_either_release_are_there_for_everybody(edge: EdgeUnderTest, customer: httpx.Client, weights: Weights) -> None:
    switch(edge, weights)
    for client_id in clients().values():
        for path, owner in ((OLD, "blue"), (NEW, "green")):
            answer = customer.get(path, headers=as_client(client_id))
            assert (answer.status_code, answer.json()["colour"], answer.headers["X-Echobase-Colour"]) == (200, owner, owner)
    line = edge.logged(answer.headers["Trace-Id"])
    assert (line["colour"], line["replayed_from"]) == ("green", "")


@pytest.mark.parametrize("weights", [BLUE, CANARY])
def test_what_neither_has_is_not_there(
    edge: EdgeUnderTest, customer: httpx.Client, colours: dict[str, ColourUnderTest], weights: Weights
) -> None:
    switch(edge, weights)
    colours["blue"].statuses[OLD] = 404
    for client_id in clients().values():
        answer = customer.get(OLD, headers=as_client(client_id))
        assert (answer.status_code, answer.headers["X-Echobase-Error"]) == (404, "not-found")


@pytest.mark.parametrize("failure", ["reset", "500", "503"])
def test_another_colour_that_fails_is_as_good_as_one_that_has_nothing(
    customer: httpx.Client, colours: dict[str, ColourUnderTest], failure: str
) -> None:
    colours["green"].failure = lambda _: failure
    assert customer.get(NEW).status_code == 404


def test_another_colour_that_is_away_is_as_good_as_one_that_has_nothing(
    customer: httpx.Client, colours: dict[str, ColourUnderTest]
) -> None:
    colours["green"].stop()
    try:
        assert customer.get(NEW).status_code == 404
        assert customer.get(OLD).status_code == 200
    finally:
        colours["green"].start()


def test_the_clients_own_colour_answers_for_its_failures(customer: httpx.Client, colours: dict[str, ColourUnderTest]) -> None:
    for status in (403, 500, 503):
        colours["blue"].statuses[OLD] = status
        answer = customer.get(OLD)
        assert (answer.status_code, answer.json()["colour"]) == (status, "blue")
    assert colours["green"].requests == []


def test_a_candidate_that_fails_a_file_is_charged_for_it(
    edge: EdgeUnderTest, customer: httpx.Client, colours: dict[str, ColourUnderTest]
) -> None:
    switch(edge, CANARY)
    colours["green"].failure = lambda _: "500"
    answer = customer.get(OLD, headers=as_client(clients()["green"]))
    assert (answer.status_code, answer.json()["colour"]) == (200, "blue")
    assert edge.logged(answer.headers["Trace-Id"])["replayed_from"] == "green"


def test_only_what_is_read_is_looked_for_elsewhere(customer: httpx.Client, colours: dict[str, ColourUnderTest]) -> None:
    assert customer.post(NEW, content="x").status_code == 404
    assert customer.get("/api/orders/assets/x").json()["colour"] == "blue"
    assert colours["green"].requests == []
