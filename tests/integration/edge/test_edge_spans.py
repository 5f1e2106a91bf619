"""The edge's spans and examples as the desk tells them, made from the log of the real edge."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from ansible_collections.echobase.platform.plugins.module_utils.traffic.weights import Weights
from harness.colour_under_test import ColourUnderTest
from harness.desk_under_test import PORT, DeskUnderTest, running_desk
from harness.edge_fixtures import as_client, blue_is_live, colours, customer, edge, new_client_id, switch
from harness.edge_under_test import EdgeUnderTest
from harness.murmur import bucket_of
from harness.span_receiver import Receiver, receiving
from harness.waiting import eventually

__all__ = ["blue_is_live", "colours", "customer", "edge"]

EDGE_PLACE = ("spans", 30513, "127.87")
OPENMETRICS = "application/openmetrics-text;version=1.0.0,text/plain;q=0.3"


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def desk(edge: EdgeUnderTest, receiver: Receiver) -> Iterator[DeskUnderTest]:
    with running_desk(edge.facts, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{receiver.port}", OTEL_EXPORTER_OTLP_TIMEOUT="2") as desk:
        yield desk


def told(receiver: Receiver, trace_id: str) -> dict[str, Any]:
    def found() -> dict[str, Any] | None:
        return next((span for span in receiver.spans if span["traceId"] == trace_id), None)

    return eventually(found, lambda: f"a span of {trace_id}")


def metrics(desk: DeskUnderTest, accept: str) -> httpx.Response:
    return httpx.get(f"https://{desk.facts['desk_address']}:{PORT}/metrics", verify=False, headers={"Accept": accept})


def test_a_request_is_told_as_the_edges_span_below_the_clients(
    desk: DeskUnderTest, receiver: Receiver, customer: httpx.Client, colours: dict[str, ColourUnderTest]
) -> None:
    began = time.time()
    claim = {"traceparent": f"00-{'a' * 32}-00f067aa0ba902b7-01"}
    trace_id = customer.post("/api/orders?x=s3cret", json={}, headers=claim).headers["Trace-Id"]
    span = told(receiver, trace_id)
    (seen,) = colours["blue"].requests
    assert seen.headers["traceparent"] == f"00-{trace_id}-{span['spanId']}-01"
    assert (span["name"], span["parentSpanId"]) == ("POST /api/orders", "00f067aa0ba902b7")
    # In time with the spans of others, to the millisecond that nginx knows.
    assert began - 0.01 <= int(span["startTimeUnixNano"]) / 1e9 <= int(span["endTimeUnixNano"]) / 1e9 <= time.time()
    assert "s3cret" not in str(receiver.batches)


def test_a_replayed_request_is_one_span_that_says_who_failed(
    desk: DeskUnderTest, receiver: Receiver, edge: EdgeUnderTest, customer: httpx.Client, colours: dict[str, ColourUnderTest]
) -> None:
    switch(edge, Weights(80, 20))
    colours["green"].failure = lambda _: "500"
    candidates_own = next(made for made in iter(new_client_id, "") if bucket_of(made) == 0)
    trace_id = customer.get("/", headers=as_client(candidates_own)).headers["Trace-Id"]
    attributes = {one["key"]: one["value"].get("stringValue") for one in told(receiver, trace_id)["attributes"]}
    assert (attributes["echobase.colour"], attributes["echobase.replayed_from"]) == ("blue", "green")


def test_a_failure_is_told_though_nobody_keeps_its_trace(
    desk: DeskUnderTest, receiver: Receiver, edge: EdgeUnderTest, customer: httpx.Client, colours: dict[str, ColourUnderTest]
) -> None:
    colours["blue"].failure = lambda request: "500" if request.path == "/api/broken" else ""
    with edge.reconfigured(edge_trace_percent=0):
        fine, broken = (customer.post(path, json={}).headers["Trace-Id"] for path in ("/api/orders", "/api/broken"))
        assert told(receiver, broken)["status"] == {"code": 2}
    assert fine not in [span["traceId"] for span in receiver.spans]


def test_buckets_have_an_example_for_whoever_can_read_it(desk: DeskUnderTest, edge: EdgeUnderTest, customer: httpx.Client) -> None:
    trace_id = customer.get("/api/orders").headers["Trace-Id"]
    eventually(lambda: trace_id in metrics(desk, OPENMETRICS).text, "the newest trace is the example")
    answer = metrics(desk, OPENMETRICS)
    assert answer.headers["Content-Type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert answer.text.endswith("# EOF\n")
    example = re.compile(r'le="[0-9.+Inf]+"} \d+ # {trace_id="[0-9a-f]{32}",span_id="00000000000000e1"} [0-9.]+ \d+\.\d{3}$', re.MULTILINE)
    assert example.search(answer.text)
    plain = metrics(desk, "text/plain")
    assert (plain.headers["Content-Type"], trace_id in plain.text) == ("text/plain; version=0.0.4; charset=utf-8", False)


def test_a_receiver_that_is_away_keeps_nobody(edge: EdgeUnderTest, receiver: Receiver, desk: DeskUnderTest, customer: httpx.Client) -> None:
    """Nobody listens on port 9. The counting goes on, and the stop is as quick as ever."""
    desk.stop()
    desk.start(OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")
    try:
        customer.get("/api/orders")
        eventually(lambda: "echobase_edge_spans_waiting 1\n" in metrics(desk, "").text, "it is counted")
        eventually(lambda: "cannot be sent to 127.0.0.1:9" in desk.log, "the log says so")
        began = time.monotonic()
        desk.stop()
        assert time.monotonic() - began < 3
    finally:
        desk.stop()
        desk.start()
