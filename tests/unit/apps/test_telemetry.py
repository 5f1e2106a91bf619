"""The telemetry of a process of its own: providers belong to a process, and begin once."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping

import pytest

from harness.otlp_sink import hanging, otlp_sink
from orders.settings import Release
from orders.telemetry import Telemetry

RELEASE = Release("test", "blue", "0.1.0-abc", "0.1.0")

TELLS = """
import logging, os, sys, time
from opentelemetry import metrics, trace
from orders import logs
from orders.settings import Release
from orders.telemetry import Telemetry
logs.to_stderr()
telemetry = Telemetry.begin("a-service", Release("test", "blue", "0.1.0-abc", "0.1.0"), os.environ)
with trace.get_tracer("t").start_as_current_span("work"):
    metrics.get_meter("t").create_counter("things").add(1)
    logging.getLogger("t").warning("for anna@example.org with Bearer abc.def")
began = time.monotonic()
telemetry.stop(1.0)
print(time.monotonic() - began, "opentelemetry.sdk" in sys.modules)
"""


def run(variables: Mapping[str, str]) -> tuple[float, bool, str]:
    """For how long it stopped, whether the SDK was imported, and its standard error."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": "apps", **variables}
    done = subprocess.run([sys.executable, "-c", TELLS], env=environment, capture_output=True, text=True, check=True)
    seconds, imported = done.stdout.split()
    return float(seconds), imported == "True", done.stderr


def test_everything_is_told_before_the_process_ends() -> None:
    with otlp_sink() as sink:
        _, _, errors = run({"OTEL_EXPORTER_OTLP_ENDPOINT": sink.url, "OTEL_RESOURCE_ATTRIBUTES": "team=shop"})
    [span] = sink.spans()
    [log] = sink.logs()
    [point] = sink.points("things")
    assert (span.name, log.text, log.trace_id, point.examples) == ("work", "for *** with ***", span.trace_id, (span.trace_id,))
    assert errors.rstrip().endswith(f"WARNING t: for *** with *** trace_id={span.trace_id}")
    assert span.resource == log.resource == point.resource
    assert (
        span.resource.items()
        >= {
            "service.name": "a-service",
            "service.version": "0.1.0",
            "deployment.environment.name": "test",
            "echobase.colour": "blue",
            "echobase.release": "0.1.0-abc",
            "team": "shop",
        }.items()
    )
    assert len(span.resource["service.instance.id"]) == 36


@pytest.mark.parametrize(
    "variables", [{}, {"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}, {"OTEL_SDK_DISABLED": "true"}]
)
def test_what_is_switched_off_is_not_even_imported(variables: dict[str, str]) -> None:
    seconds, imported, errors = run(variables)
    assert not imported
    assert seconds < 0.1
    assert "trace_id" not in errors


def test_a_stop_waits_for_nobody() -> None:
    with hanging() as endpoint:
        seconds, _, _ = run({"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_TIMEOUT": "10"})
    assert seconds < 1.5


def test_a_wrong_setting_costs_the_telemetry_and_not_the_process() -> None:
    _, _, errors = run({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_BSP_MAX_QUEUE_SIZE": "-1"})
    assert "ERROR orders: nothing is told: " in errors


def test_nothing_is_begun_without_an_endpoint() -> None:
    telemetry = Telemetry.begin("a-service", RELEASE, {})
    began = time.monotonic()
    telemetry.stop(10)
    assert not telemetry.is_on
    assert time.monotonic() - began < 1
