from __future__ import annotations

import json
import socket
import time

import pytest

from harness.span_receiver import receiving
from harness.waiting import eventually
from operators_desk.edge_line import EdgeLine
from operators_desk.edge_routes import EdgeRoutes
from operators_desk.edge_spans import EdgeSpans
from operators_desk.span_sender import SpanSender
from operators_desk.telemetry_settings import TelemetrySettings
from orders.settings import SettingsError

TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
def spans() -> EdgeSpans:
    return EdgeSpans(EdgeRoutes([], []))


def add(spans: EdgeSpans, number: int = 1) -> None:
    entry = {"entrance": "public", "method": "GET", "path": "/", "status": 200, "seconds": 0.1, "ended": 1764422652.5, "trace_id": TRACE}
    entry |= {"parent_span": "", "sampled": "01", "colour": "blue", "error": "", "replayed_from": "", "upstream_seconds": "0.1"}
    line = EdgeLine.parsed(json.dumps(entry).encode())
    assert line is not None
    for _ in range(number):
        spans.add(line)


def variables(port: int, **more: str) -> dict[str, str]:
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}", "OTEL_EXPORTER_OTLP_TIMEOUT": "1"} | more


def sender(spans: EdgeSpans, port: int, **more: str) -> SpanSender:
    settings = TelemetrySettings.from_environment(variables(port, **more))
    assert settings is not None
    return SpanSender(settings, spans)


def test_spans_are_sent_as_those_of_the_edge(spans: EdgeSpans) -> None:
    with receiving() as receiver:
        one = sender(
            spans,
            receiver.port,
            OTEL_RESOURCE_ATTRIBUTES="deployment.environment.name=test,team=a%20b",
            OTEL_EXPORTER_OTLP_HEADERS="x-key=secret",
            OTEL_SERVICE_NAME="operators-desk",
        )
        one.start()
        add(spans, 3)
        eventually(lambda: spans.sent == 3, "all are sent")
        one.stop()
    (batch,) = receiver.batches
    (resource,) = batch["resourceSpans"]
    identity = {pair["key"]: pair["value"]["stringValue"] for pair in resource["resource"]["attributes"]}
    assert (identity["service.name"], identity["deployment.environment.name"], identity["team"]) == ("edge", "test", "a b")
    assert [span["traceId"] for span in resource["scopeSpans"][0]["spans"]] == [TRACE] * 3
    assert receiver.headers[0]["x-key"] == "secret"


def test_what_waits_is_sent_before_the_end(spans: EdgeSpans) -> None:
    with receiving() as receiver:
        one = sender(spans, receiver.port)
        one.start()
        add(spans)
        one.stop()
        assert len(receiver.batches) == 1


def test_a_receiver_that_is_away_loses_nothing_at_first(spans: EdgeSpans) -> None:
    with receiving() as receiver:
        receiver.status = 503
        one = sender(spans, receiver.port)
        one.start()
        add(spans, 2)
        eventually(lambda: receiver.batches, "it is tried")
        receiver.status = 200
        eventually(lambda: spans.sent == 2, "it is tried again")
        one.stop()
    assert sum(spans.dropped.values()) == 0


def test_what_is_refused_is_not_sent_again(spans: EdgeSpans) -> None:
    with receiving() as receiver:
        receiver.status = 400
        one = sender(spans, receiver.port)
        one.start()
        add(spans, 2)
        eventually(lambda: spans.dropped["refused"] == 2, "they are given up")
        one.stop()
        assert len(receiver.batches) == 1


def test_nobody_waits_for_a_receiver_that_hangs(spans: EdgeSpans) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        one = sender(spans, silent.getsockname()[1], OTEL_EXPORTER_OTLP_TIMEOUT="30")
        one.start()
        add(spans)
        eventually(lambda: spans.waiting == 0, "it is tried")
        began = time.monotonic()
        one.stop()
        assert time.monotonic() - began < 3


@pytest.mark.parametrize("more", [{"OTEL_SDK_DISABLED": "true"}, {"OTEL_EXPORTER_OTLP_ENDPOINT": ""}])
def test_it_can_be_switched_off(more: dict[str, str]) -> None:
    assert TelemetrySettings.from_environment(variables(1) | more) is None


def test_the_traces_may_have_an_address_of_their_own() -> None:
    settings = TelemetrySettings.from_environment(variables(1, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT="https://them.example/in?x=1"))
    assert settings is not None
    assert settings.traces.geturl() == "https://them.example/in?x=1"


@pytest.mark.parametrize("more", [{"OTEL_EXPORTER_OTLP_ENDPOINT": "collector"}, {"OTEL_EXPORTER_OTLP_TIMEOUT": "soon"}])
def test_what_makes_no_sense_is_said_with_its_name(more: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match=next(iter(more))):
        TelemetrySettings.from_environment(variables(1) | more)
