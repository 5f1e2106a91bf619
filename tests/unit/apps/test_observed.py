"""Which requests are told, to which traces they belong, and under which names: asked of a gateway in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from harness.otlp_sink import FAILED, OtlpSink, otlp_sink

TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "00000000000000e1"

GATEWAY = """
import os
from ipaddress import ip_network
from types import SimpleNamespace
from fastapi.testclient import TestClient
from api_gateway import order_routes
from api_gateway.app import make_app
from api_gateway.client_address import ClientAddress
from api_gateway.rate_limit import RateLimit
from api_gateway.shared_limit import SharedLimit
from orders.settings import Release
from orders.telemetry import Telemetry

@order_routes.router.get("/{order_id}/broken")
async def broken(order_id: str) -> None:
    raise RuntimeError("planted-message of " + order_id)

release = Release("test", "blue", "0.1.0-abc", "0.1.0")
context = SimpleNamespace(
    settings=SimpleNamespace(release=release, database_connections=1),
    requests=SharedLimit("rate:requests", RateLimit(0), None),
    cache=None,
    client_address=ClientAddress([ip_network("10.0.0.0/8")]),
    database=SimpleNamespace(close=lambda: None),
)
app = make_app(context, Telemetry.begin("api-gateway", release, os.environ))
parent = {"traceparent": os.environ["PARENT"]}

def ask(client: TestClient) -> None:
    client.get("/api/orders?planted-query=1", headers=parent)
    client.get("/api/orders/planted-id/broken", headers=parent)
    client.get("/api/planted-path", headers=parent)
    client.request("PLANTED", "/api/orders", headers=parent)
    for path in ("/health", "/openapi.json", "/in-flight"):
        client.get(path, headers=parent)

ask(TestClient(app, raise_server_exceptions=False, client=("203.0.113.9", 1)))
with TestClient(app, raise_server_exceptions=False, client=("10.0.0.1", 1)) as client:
    ask(client)
"""


@pytest.fixture(scope="module")
def sink() -> OtlpSink:
    with otlp_sink() as sink:
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": sink.url, "PARENT": f"00-{TRACE}-{CALLER}-01", "OTEL_BSP_SCHEDULE_DELAY": "50"}
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": "apps", **variables}
        subprocess.run([sys.executable, "-c", GATEWAY], env=environment, check=True, capture_output=True, timeout=60)
    return sink


def test_only_requests_of_customers_are_told_by_their_routes(sink: OtlpSink) -> None:
    told = sorted((span.name, span.attributes["http.response.status_code"]) for span in sink.spans(TRACE))
    assert told == [("GET", 404), ("GET /api/orders", 401), ("GET /api/orders/{order_id}/broken", 500), ("_OTHER /api/orders", 405)]


def test_only_a_proxy_may_say_to_which_trace_a_request_belongs(sink: OtlpSink) -> None:
    spans = sink.spans()
    own = [span for span in spans if span.trace_id != TRACE]
    assert len(own) == len(spans) / 2 == 4
    assert {span.parent_id for span in own} == {""}
    assert len({span.trace_id for span in own}) == 4
    assert {span.parent_id for span in sink.spans(TRACE)} == {CALLER}


def test_a_request_that_failed_is_a_failed_span(sink: OtlpSink) -> None:
    failed = [span for span in sink.spans() if span.status == FAILED]
    assert [(span.name, span.attributes["error.type"]) for span in failed] == [("GET /api/orders/{order_id}/broken", "500")] * 2
    assert {log.trace_id for log in sink.logs() if log.severity == "ERROR"} == {span.trace_id for span in failed}


def test_durations_have_routes_and_methods_that_nobody_made_up(sink: OtlpSink) -> None:
    points = sink.points("http.server.request.duration")
    assert {(point.attributes.get("http.route"), point.attributes["http.request.method"], point.value) for point in points} == {
        ("/api/orders", "GET", 2),
        ("/api/orders/{order_id}/broken", "GET", 2),
        (None, "GET", 2),
        ("/api/orders", "_OTHER", 2),
    }
    assert TRACE in {trace_id for point in points for trace_id in point.examples}


def test_addresses_and_headers_are_not_told(sink: OtlpSink) -> None:
    for planted in ("planted-query", "planted-path", "PLANTED", "testclient", "203.0.113.9", "/health"):
        assert not sink.holds(planted), planted
