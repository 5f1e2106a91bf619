"""What is sent by OTLP, and what containers print, is found in the stores within seconds."""

from __future__ import annotations

import json
import subprocess
from datetime import timedelta

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.observability.log_store import LOG_STORES
from harness import otlp
from harness.images_under_test import image_tag
from harness.observability_under_test import SERVICE, ObservabilityUnderTest
from harness.waiting import eventually

# What an order's way may take until an operator finds it.
SOON = 15


def test_one_trace_is_found_in_traces_metrics_and_logs(watched: ObservabilityUnderTest) -> None:
    trace_id, span_id = otlp.new_trace_id(), otlp.new_span_id()
    values = {"http.request.method": "POST", "http.route": "/orders", "http.response.status_code": 201}
    assert watched.send("traces", otlp.spans(SERVICE, trace_id, "POST /orders", span_id, attributes=otlp.attributes(values))).is_success
    assert watched.send("metrics", otlp.histogram(SERVICE, "tests.order.age", {}, trace_id, span_id)).is_success
    assert watched.send("logs", otlp.log(SERVICE, "an order was accepted", {"order_id": 42}, trace_id, span_id)).is_success

    [span] = eventually(lambda: watched.trace(trace_id), "the trace is found", SOON)
    assert span["attributes"]["deployment.environment.name"] == "test"
    assert span["attributes"]["http.route"] == "/orders"
    [(labels, count)] = eventually(lambda: watched.series("tests_order_age_seconds_count"), "the number is found", SOON)
    expected = {"environment": "test", "colour": "blue", "release": "0.1.0-aa", "job": "api-gateway", "instance": "one"}
    assert (labels, count) == (labels | expected, 1)
    assert {"trace_id": trace_id, "span_id": span_id} in watched.exemplars("tests_order_age_seconds_bucket")
    [record] = eventually(lambda: watched.logs({"trace_id": trace_id}), "the line is found", SOON)
    assert (record.body, record.fields["span_id"], record.fields["order_id"]) == ("an order was accepted", span_id, "42")
    assert {name: record.fields[name] for name in ("service_name", "environment", "colour")} == {
        "service_name": "api-gateway",
        "environment": "test",
        "colour": "blue",
    }
    # Every span is counted, and the count leads back to the trace.
    query = 'traces_span_metrics_calls_total{http_route="/orders",http_response_status_code="201",environment="test",colour="blue"}'
    eventually(lambda: watched.series(query), "the span is counted", 30)
    eventually(
        lambda: any(one["trace_id"] == trace_id for one in watched.exemplars("traces_span_metrics_duration_seconds_bucket")),
        "it leads back",
    )


def test_what_watches_is_watched_itself(watched: ObservabilityUnderTest) -> None:
    jobs = {
        "prometheus",
        "alertmanager",
        "collector",
        "container-reader",
        "jaeger",
        watched.log_store.service,
        "host",
        "database",
        "cache",
        "environment",
    }

    def up() -> bool:
        return jobs <= {labels["job"] for labels, value in watched.series('up{environment="test"} == 1')}

    eventually(up, lambda: str(watched.series("up")), 45)
    for query in ("node_filesystem_avail_bytes", "node_memory_MemAvailable_bytes", "mysql_up", "redis_up"):
        assert watched.series(query), query


@pytest.mark.parametrize("store", LOG_STORES.values(), ids=list(LOG_STORES))
def test_a_log_store_keeps_what_it_promises(watched: ObservabilityUnderTest, store: object) -> None:
    """The conformance of the port `LogStore`: the same lines, labels and questions, whichever store there is."""
    if watched.log_store is not store:
        pytest.skip(f"not run: this machine has no image of {store.name}")  # type: ignore[attr-defined]
    trace_id = otlp.new_trace_id()
    green = {**SERVICE, "service.name": "order-processor", "echobase.colour": "green"}
    for number in range(3):
        assert watched.send("logs", otlp.log(green, f'line {number} has "quotes", {{braces}} and ümlauts', {}, trace_id)).is_success
    assert watched.send("logs", otlp.log(SERVICE, "of the other colour", {}, trace_id)).is_success

    eventually(lambda: len(watched.logs({"trace_id": trace_id})) == 4, "all lines are found", SOON)
    of_green = watched.logs({"trace_id": trace_id, "colour": "green", "service_name": "order-processor", "environment": "test"})
    assert [record.body for record in of_green] == [f'line {number} has "quotes", {{braces}} and ümlauts' for number in (2, 1, 0)]
    assert of_green == sorted(of_green, key=lambda record: record.at, reverse=True)
    assert [record.body for record in watched.logs({"trace_id": trace_id}, limit=1)] == ["of the other colour"]
    assert watched.logs({"trace_id": trace_id, "colour": "red"}) == []
    assert watched.logs({"trace_id": otlp.new_trace_id()}) == []
    assert watched.logs({"colour": 'green" or "" != "'}) == []
    old = watched.logs({"trace_id": trace_id}, since=timedelta(seconds=1))
    assert len(old) <= 4


def test_what_a_container_prints_is_found_by_its_service_and_trace(watched: ObservabilityUnderTest) -> None:
    trace_id = otlp.new_trace_id()
    line = json.dumps({"level": "ERROR", "event": "it failed", "trace_id": trace_id, "span_id": otlp.new_span_id()})
    for environment, said in (("test", line), ("other", f"of-another-environment {trace_id}")):
        labels = {"io.echobase.environment": environment, "com.docker.compose.service": "printer"}
        options = [word for label, value in labels.items() for word in ("--label", f"{label}={value}")]
        driver = ["--log-driver", "json-file", "--log-opt", f"labels={','.join(labels)}"]
        limits = ["--memory", "32m", "--network", "none", "--name", f"echobase-test-printer-{environment}"]
        subprocess.run(
            ["docker", "run", "-d", *options, *driver, *limits, image_tag("nginx"), "echo", said], check=True, capture_output=True
        )
    try:
        [record] = eventually(lambda: watched.logs({"trace_id": trace_id}), "the line is found", SOON)
        assert (record.fields["service_name"], record.fields["environment"], record.fields["severity_text"]) == ("printer", "test", "ERROR")
        assert "it failed" in record.body
        assert len(watched.logs({"service_name": "printer"})) == 1
    finally:
        subprocess.run(["docker", "rm", "-f", "echobase-test-printer-test", "echobase-test-printer-other"], check=True, capture_output=True)


def test_a_line_of_the_edges_log_is_found_by_its_trace(watched: ObservabilityUnderTest) -> None:
    trace_id = otlp.new_trace_id()
    entry = {"time": "2026-11-29T12:00:00+00:00", "entrance": "public", "method": "GET", "path": "/api/orders", "status": 502}
    log = watched.home / "edge-log" / "access.log"
    now = subprocess.run(["date", "-Iseconds"], check=True, capture_output=True, text=True).stdout.strip()
    with log.open("a") as stream:
        stream.write(json.dumps(entry | {"time": now, "colour": "blue", "trace_id": trace_id}) + "\n")
    log.chmod(0o640)
    subprocess.run(["chown", "-R", "101:10001", str(log.parent)], check=True)
    log.parent.chmod(0o2750)
    [record] = eventually(lambda: watched.logs({"trace_id": trace_id}), "the line is found", 30)
    assert (record.fields["service_name"], record.fields["colour"], record.fields["severity_text"]) == ("edge", "blue", "ERROR")
    assert record.body == "GET /api/orders 502"
