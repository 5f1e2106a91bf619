"""Each request is a trace that the edge begins: every answer names it, the colours are told of it, and no client chooses it."""

from __future__ import annotations

import re
from collections.abc import Callable

import httpx
import pytest

from ansible_collections.echobase.platform.plugins.module_utils.traffic.weights import EMPTY, Weights
from harness.colour_under_test import ColourUnderTest
from harness.edge_fixtures import PAGE, as_client, blue_is_live, colours, customer, edge, new_client_id, switch
from harness.edge_under_test import EdgeUnderTest
from harness.murmur import bucket_of
from harness.raw_http1 import RawConnection

__all__ = ["blue_is_live", "colours", "customer", "edge"]

EDGE_PLACE = ("traces", 30493, "127.84")

TRACE = re.compile(r"[0-9a-f]{32}")
CLIENTS_TRACE, CLIENTS_SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
CLAIM = f"00-{CLIENTS_TRACE}-{CLIENTS_SPAN}-01"


def trace_of(answer: httpx.Response) -> str:
    (trace_id,) = answer.headers.get_list("Trace-Id")
    assert TRACE.fullmatch(trace_id)
    assert trace_id != "0" * 32
    assert answer.headers.get_list("X-Request-Id") == [trace_id]
    return str(trace_id)


KINDS: dict[str, Callable[[httpx.Client], httpx.Response]] = {
    "usual": lambda client: client.post("/api/orders", json={}),
    "page": lambda client: client.get("/"),
    "asset": lambda client: client.get("/assets/app.js"),
    "login": lambda client: client.post("/api/auth/login", json={}),
    "event stream": lambda client: client.get("/api/quiet", headers={"Accept": "text/event-stream"}),
    "nothing here": lambda client: client.get("/in-flight"),
    "too large": lambda client: client.post("/api/orders", content=b"x" * 70_000),
    "too long": lambda client: client.get(f"/{'x' * 9000}"),
    "headers too large": lambda client: client.get("/", headers={"Cookie": f"a={'x' * 9000}"}),
    "health": lambda client: client.get("/edge/health"),
    "ready": lambda client: client.get("/edge/ready"),
    "redirect": lambda client: httpx.get(str(client.base_url).replace("https", "http"), timeout=20),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_answer_names_its_trace(customer: httpx.Client, kind: str) -> None:
    first, second = (trace_of(KINDS[kind](customer)) for _ in range(2))
    assert first != second


@pytest.mark.parametrize("path", ["/login", "/grafana", "/grafana/", "/edge/metrics", "/", "/api/orders", "/edge/health", "/preview/blue"])
def test_the_operators_entrance_does_so_too(edge: EdgeUnderTest, path: str) -> None:
    """Nobody can log in here, since there is no desk; that is an answer as well."""
    with httpx.Client(base_url=f"https://localhost:{edge.operators_port}", verify=edge.tls_context()) as client:
        trace_of(client.get(path))


def test_a_colour_cannot_name_another_trace(customer: httpx.Client, colours: dict[str, ColourUnderTest]) -> None:
    colours["blue"].headers["Trace-Id"] = CLIENTS_TRACE
    assert trace_of(customer.get("/")) != CLIENTS_TRACE


@pytest.mark.parametrize("headers", [{}, {"Accept": "text/event-stream"}, {"Authorization": "Basic b3BlcmF0b3I6eA=="}])
def test_a_colour_is_told_our_trace_and_not_the_clients(
    edge: EdgeUnderTest, customer: httpx.Client, colours: dict[str, ColourUnderTest], headers: dict[str, str]
) -> None:
    claims = {"traceparent": CLAIM, "tracestate": "them=1", "baggage": "user=somebody"}
    trace_id = trace_of(customer.get("/api/orders", headers=headers | claims))
    assert trace_id != CLIENTS_TRACE
    (seen,) = colours["blue"].requests
    assert (seen.headers["traceparent"], seen.headers["x-request-id"]) == (f"00-{trace_id}-00000000000000e1-01", trace_id)
    assert not {"tracestate", "baggage"} & set(seen.headers)
    line = edge.logged(trace_id)
    # The client's span stays the parent of the edge's: a browser finds its trace by the answer's header.
    assert (line["parent_span"], line["sampled"]) == (CLIENTS_SPAN, "01")


@pytest.mark.parametrize(
    "claim",
    [
        "",
        "nonsense",
        CLAIM.upper(),
        CLAIM + "0",
        f"00-{CLIENTS_TRACE}-{'0' * 16}-01",
        f'00-{CLIENTS_TRACE}-{CLIENTS_SPAN}-01","x":"',
        CLAIM[:-3],
    ],
)
def test_what_is_no_traceparent_has_no_span(edge: EdgeUnderTest, customer: httpx.Client, claim: str) -> None:
    assert edge.logged(trace_of(customer.get("/", headers={"traceparent": claim})))["parent_span"] == ""


def test_a_traceparent_that_comes_twice_is_none(edge: EdgeUnderTest, colours: dict[str, ColourUnderTest]) -> None:
    with RawConnection(edge.port, edge.tls_context()) as connection:
        connection.send(f"GET / HTTP/1.1\r\nHost: localhost\r\ntraceparent: {CLAIM}\r\nTraceParent: {CLAIM}\r\n\r\n".encode())
        answer = connection.answer()
        assert answer is not None
    (seen,) = colours["blue"].requests
    assert [line.partition(":")[0].lower() for line in seen.header_lines].count("traceparent") == 1
    assert CLIENTS_TRACE not in "".join(seen.header_lines)
    assert edge.logged(seen.headers["x-request-id"])["parent_span"] == ""


def test_a_replayed_request_stays_one_trace(edge: EdgeUnderTest, customer: httpx.Client, colours: dict[str, ColourUnderTest]) -> None:
    switch(edge, Weights(80, 20))
    colours["green"].failure = lambda _: "500"
    candidates_own = next(made for made in iter(new_client_id, "") if bucket_of(made) == 0)
    trace_id = trace_of(customer.get("/api/orders", headers=as_client(candidates_own)))
    (at_green,), (at_blue,) = colours["green"].requests, colours["blue"].requests
    assert at_green.headers["traceparent"] == at_blue.headers["traceparent"] == f"00-{trace_id}-00000000000000e1-01"
    line = edge.logged(trace_id)
    assert (line["colour"], line["replayed_from"]) == ("blue", "green")


@pytest.mark.parametrize(
    ("status", "ask"),
    [(404, lambda c, h: c.get("/in-flight", headers=h)), (413, lambda c, h: c.post("/x", content=b"x" * 1_100_000, headers=h))],
)
def test_the_edges_pages_name_their_trace(
    customer: httpx.Client, status: int, ask: Callable[[httpx.Client, dict[str, str]], httpx.Response]
) -> None:
    problem = ask(customer, {})
    assert (problem.status_code, problem.json()["trace_id"]) == (status, trace_of(problem))
    page = ask(customer, PAGE)
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert f"Trace <code>{trace_of(page)}</code>" in page.text


def test_nothing_of_a_request_gets_into_a_page(edge: EdgeUnderTest, customer: httpx.Client) -> None:
    """Pages are filled in by nginx, which must not take orders from who asks."""
    switch(edge, EMPTY)
    orders = "<!--#echo var='http_cookie' --><!--#include virtual='/edge/status' -->"
    answer = customer.get(
        f"/<!--%23echo%20var='http_cookie'-->?{orders}", headers=PAGE | {"Cookie": "a=s3cret", "Referer": orders, "X": orders}
    )
    trace_id = trace_of(answer)
    assert f"Trace <code>{trace_id}</code>" in answer.text
    assert "s3cret" not in answer.text
    assert "<!--#" not in answer.text


@pytest.mark.parametrize("percent", [0, 30])
def test_a_share_of_the_traces_is_kept_and_everybody_is_told_the_same(
    edge: EdgeUnderTest, customer: httpx.Client, colours: dict[str, ColourUnderTest], percent: int
) -> None:
    with edge.reconfigured(edge_trace_percent=percent):
        ids = [trace_of(customer.post("/api/orders", json={})) for _ in range(60)]
        lines = edge.logged_requests(ids)
    flags = {request.headers["x-request-id"]: request.headers["traceparent"][-2:] for request in colours["blue"].requests}
    assert {trace_id: line["sampled"] for trace_id, line in lines.items()} == flags
    kept = sum(flag == "01" for flag in flags.values())
    assert (kept == 0) if percent == 0 else (3 <= kept <= 40)


def test_the_usual_line_of_the_log_says_what_the_long_one_says(edge: EdgeUnderTest, customer: httpx.Client) -> None:
    usual = edge.logged(trace_of(customer.get("/api/orders/7?x=1")))
    unusual = edge.logged(trace_of(customer.get("/api/auth/me?x=1")))
    assert (usual["path"], unusual["path"]) == ("/api/orders/7", "/api/auth/me")
    same = ("entrance", "client", "method", "protocol", "status", "sampled", "colour", "bucket", "error", "replayed_from", "parent_span")
    # Each of these two is a new client, so that their buckets differ.
    assert {name: usual[name] for name in same if name != "bucket"} == {name: unusual[name] for name in same if name != "bucket"}
    assert set(usual) < set(unusual)
    assert (usual["colour"], float(usual["upstream_seconds"]) >= 0) == ("blue", True)
