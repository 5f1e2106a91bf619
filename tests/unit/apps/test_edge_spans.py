from __future__ import annotations

import json
from typing import Any

import pytest

from operators_desk.edge_counters import EdgeCounters
from operators_desk.edge_line import EdgeLine
from operators_desk.edge_routes import EdgeRoutes, known_method
from operators_desk.edge_spans import EDGE_SPAN, MOST_WAITING, SUCCESSES_PER_SECOND, EdgeSpans, Span
from operators_desk.exposition import Exposition

ROUTES = ["/api", "/api/auth", "/api/orders", "/assets", "/"]
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "00f067aa0ba902b7"


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def entry(**fields: Any) -> dict[str, Any]:
    return {
        "entrance": "public",
        "method": "POST",
        "path": "/api/orders",
        "status": 202,
        "seconds": 0.012,
        "ended": 1764422652.123,
        "trace_id": TRACE,
        "parent_span": "",
        "sampled": "01",
        "colour": "blue",
        "error": "",
        "replayed_from": "",
        "upstream_seconds": "0.010",
    } | fields


def line(**fields: Any) -> EdgeLine:
    found = EdgeLine.parsed(json.dumps(entry(**fields)).encode())
    assert found is not None
    return found


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def spans(clock: Clock) -> EdgeSpans:
    return EdgeSpans(EdgeRoutes(["grafana"], ROUTES), clock)


def told(spans: EdgeSpans, **fields: Any) -> Span:
    spans.add(line(**fields))
    (span,) = spans.take(10)
    return span


def attributes(span: Span) -> dict[str, Any]:
    return {one["key"]: next(iter(one["value"].values())) for one in span["attributes"]}


def test_a_line_becomes_the_edges_span_in_the_trace_that_it_names(spans: EdgeSpans) -> None:
    span = told(spans, parent_span=PARENT)
    assert (span["traceId"], span["spanId"], span["parentSpanId"]) == (TRACE, EDGE_SPAN, PARENT)
    assert (span["kind"], span["name"]) == (2, "POST /api/orders")
    assert (span["startTimeUnixNano"], span["endTimeUnixNano"]) == ("1764422652111000000", "1764422652123000000")
    assert attributes(span) == {
        "http.request.method": "POST",
        "http.response.status_code": "202",
        "http.route": "/api/orders",
        "url.path": "/api/orders",
        "echobase.entrance": "public",
        "echobase.colour": "blue",
    }
    assert "status" not in span


def test_a_failure_says_so_and_is_told_even_of_a_trace_that_is_not_kept(spans: EdgeSpans) -> None:
    span = told(spans, status=502, error="colour-away", sampled="00", replayed_from="green")
    assert (span["status"], span["flags"]) == ({"code": 2}, 0)
    assert attributes(span)["error.type"] == "colour-away"
    assert attributes(span)["echobase.replayed_from"] == "green"
    assert attributes(told(spans, status=500))["error.type"] == "500"


@pytest.mark.parametrize(
    "fields",
    [
        {"sampled": "00"},
        {"path": "/otlp/v1/traces"},
        {"path": "/otlp/v1/traces", "status": 502},
        {"trace_id": "no trace"},
        {"trace_id": TRACE.upper()},
        {"ended": "yesterday"},
    ],
)
def test_what_is_no_kept_trace_is_not_told(spans: EdgeSpans, fields: dict[str, Any]) -> None:
    spans.add(line(**fields))
    assert spans.waiting == 0


def test_a_parent_that_is_none_is_left_out(spans: EdgeSpans) -> None:
    assert "parentSpanId" not in told(spans, parent_span="x" * 16)


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/", "/"),
        ("/api/orders/4711", "/api/orders"),
        ("/api/ordersx", "/api"),
        ("/api/whatever/else", "/api"),
        ("/api/auth/login", "/api/auth"),
        ("/assets/app-1a2b.js", "/assets"),
        ("/grafana/d/edge", "/grafana"),
        ("/jaeger/", "/*"),
        ("/wp-login.php", "/*"),
        ("", "/*"),
    ],
)
def test_addresses_that_clients_make_up_have_few_names(path: str, route: str) -> None:
    assert EdgeRoutes(["grafana"], ROUTES).route(path) == route


def test_methods_that_clients_make_up_have_one_name() -> None:
    assert (known_method("PATCH"), known_method("BREW")) == ("PATCH", "_OTHER")


def test_a_path_is_short_text(spans: EdgeSpans) -> None:
    spans.add(line())
    raw = json.dumps(entry(path="X")).encode().replace(b'"X"', "/é".encode() + b"\xff" + b"a" * 9000 + b'"', 1)
    found = EdgeLine.parsed(raw.replace("/é".encode(), '"/é'.encode(), 1))
    assert found is not None
    spans.add(found)
    path = attributes(spans.take(10)[-1])["url.path"]
    assert path.startswith("/é\ufffdaaa")
    assert len(path) == 256


def test_a_flood_of_successes_is_cut_and_failures_still_get_through(spans: EdgeSpans, clock: Clock) -> None:
    for _ in range(3 * SUCCESSES_PER_SECOND):
        spans.add(line())
    spans.add(line(status=503))
    assert (spans.waiting, spans.dropped["rate"]) == (SUCCESSES_PER_SECOND + 1, 2 * SUCCESSES_PER_SECOND)
    clock.now += 0.5
    for _ in range(SUCCESSES_PER_SECOND):
        spans.add(line())
    assert spans.waiting == SUCCESSES_PER_SECOND + 1 + SUCCESSES_PER_SECOND // 2


def test_what_waits_is_bounded_and_the_oldest_goes_first(spans: EdgeSpans) -> None:
    for number in range(MOST_WAITING + 10):
        spans.add(line(status=500, path=f"/{number}"))
    assert (spans.waiting, spans.dropped["full"]) == (MOST_WAITING, 10)
    first, *_ = batch = spans.take(512)
    assert attributes(first)["url.path"] == "/10"
    spans.give_back(batch)
    assert spans.waiting == MOST_WAITING
    assert spans.take(1) == [first]


def test_openmetrics_names_the_newest_kept_trace_of_each_bucket() -> None:
    counters = EdgeCounters()
    for fields in ({}, {"trace_id": "b" * 32}, {"trace_id": "c" * 32, "sampled": "00"}, {"seconds": 30, "trace_id": "d" * 32}):
        counters.count(json.dumps(entry(**fields)).encode())
    text = counters.render(0, True, None, Exposition.OPENMETRICS)
    name = "echobase_edge_request_duration_seconds"
    ids = f'{{trace_id="{"b" * 32}",span_id="{EDGE_SPAN}"}}'
    assert f'{name}_bucket{{colour="blue",le="0.025"}} 3 # {ids} 0.012 1764422652.123\n' in text
    assert f'{name}_bucket{{colour="blue",le="0.01"}} 0\n' in text
    assert f'{name}_bucket{{colour="blue",le="+Inf"}} 4 # {{trace_id="{"d" * 32}"' in text
    assert "c" * 32 not in text
    assert "# TYPE echobase_edge_requests counter\n" in text
    assert 'echobase_edge_requests_total{entrance="public"' in text
    assert text.endswith("# EOF\n")


def test_the_plain_text_is_what_it_was() -> None:
    counters = EdgeCounters()
    counters.count(json.dumps(entry()).encode())
    text = counters.render(0, True)
    assert (" # {" in text, "# EOF" in text) == (False, False)
    assert "# TYPE echobase_edge_requests_total counter\n" in text


def test_who_asks_chooses_the_exposition() -> None:
    prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1"
    assert Exposition.asked_for(prometheus) is Exposition.OPENMETRICS
    assert Exposition.asked_for("text/plain, */*") is Exposition.asked_for("") is Exposition.TEXT


def test_what_was_not_told_is_counted_and_shown(spans: EdgeSpans) -> None:
    spans.add(line())
    text = EdgeCounters().render(0, True, spans)
    assert "echobase_edge_spans_waiting 1\n" in text
    assert 'echobase_edge_spans_dropped_total{reason="rate"} 0\n' in text
