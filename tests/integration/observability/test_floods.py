"""Too much is told, or nonsense: limits hold, and what others tell arrives."""

from __future__ import annotations

import os
import subprocess
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from harness import otlp
from harness.images_under_test import image_tag
from harness.observability_under_test import SERVICE, ObservabilityUnderTest, docker
from harness.parts_of_what_watches import becomes_well, parts, restarts
from harness.waiting import eventually

pytestmark = pytest.mark.long

HOUR = 3600 * 10**9
SKEWS = {
    "right": 0,
    "hour_ahead": HOUR,
    "year_ahead": 8760 * HOUR,
    "hour_behind": -HOUR - HOUR // 60,
    "hours_behind": -3 * HOUR,
    "year_behind": -8760 * HOUR,
}
LINES = 200_000


def test_a_sender_whose_clock_is_wrong_harms_nobody_else(watched: ObservabilityUnderTest) -> None:
    before = restarts(watched)
    name, now = f"clock_{uuid.uuid4().hex[:8]}", time.time_ns()
    traces = {skew: otlp.new_trace_id() for skew in SKEWS}
    # All in one, as the collector puts together what comes within a second: one bad number took the others with it.
    assert watched.send("metrics", counters(name, {skew: now + delta for skew, delta in SKEWS.items()})).is_success
    for skew, delta in SKEWS.items():
        times = {"startTimeUnixNano": str(now + delta - 10**7), "endTimeUnixNano": str(now + delta)}
        assert watched.send("traces", otlp.spans(SERVICE, traces[skew], **times)).is_success
        line = otlp.log(SERVICE, f"said {skew}", {}, traces[skew])
        line["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0]["timeUnixNano"] = str(now + delta)
        assert watched.send("logs", line).is_success
    # It ends before it begins, as after a jump in between.
    backwards = {"startTimeUnixNano": str(now), "endTimeUnixNano": str(now - HOUR)}
    assert watched.send("traces", otlp.spans(SERVICE, otlp.new_trace_id(), **backwards)).is_success

    for skew in SKEWS:
        eventually(lambda skew=skew: watched.series(f"{name}_{skew}_total"), f"the number of {skew}", 30)  # type: ignore[misc]
        eventually(lambda skew=skew: watched.trace(traces[skew]), f"the trace of {skew}", 30)  # type: ignore[misc]
    for skew in ("right", "hour_ahead", "year_ahead"):
        eventually(lambda skew=skew: watched.logs({"trace_id": traces[skew]}), f"the line of {skew}", 30)  # type: ignore[misc]
    assert watched.logs({"trace_id": traces["hours_behind"]}, since=timedelta(hours=4))
    becomes_well(watched)
    assert restarts(watched) == before


def counters(name: str, moments: dict[str, int]) -> dict[str, Any]:
    """`<name>_<what>`, each of its own moment: nanoseconds since 1970."""
    whole = otlp.counter(SERVICE, name, {(): 1.0})
    scope = whole["resourceMetrics"][0]["scopeMetrics"][0]
    scope["metrics"] = [
        {
            "name": f"{name}_{what}",
            "sum": {
                "aggregationTemporality": 2,
                "isMonotonic": True,
                "dataPoints": [{"asDouble": 1, "timeUnixNano": str(moment), "startTimeUnixNano": str(moment - 10**9)}],
            },
        }
        for what, moment in moments.items()
    ]
    return whole


def test_a_flood_of_lines_takes_no_more_than_it_may(watched: ObservabilityUnderTest) -> None:
    before = restarts(watched)
    line = f"flood {uuid.uuid4().hex} {'x' * 200}"
    printer = "echobase-test-flood"
    labels = {"io.echobase.environment": "test", "com.docker.compose.service": "flood"}
    options = [word for label, value in labels.items() for word in ("--label", f"{label}={value}")]
    driver = ["--log-opt", f"labels={','.join(labels)}", "--log-opt", "max-size=10m", "--log-opt", "max-file=3"]
    limits = ["--name", printer, "--network", "none", "--memory", "32m"]
    command = [image_tag("nginx"), "sh", "-c", f"yes '{line}' | head -n {LINES}"]

    def send_a_thousand(_: int) -> int:
        whole = otlp.log(SERVICE, line, {})
        whole["resourceLogs"][0]["scopeLogs"][0]["logRecords"] *= 1000
        return watched.send("logs", whole).status_code

    try:
        subprocess.run(["docker", "run", "-d", *limits, *options, *driver, *command], check=True, capture_output=True)
        with ThreadPoolExecutor(4) as pool:
            answers = pool.map(send_a_thousand, range(LINES // 1000))
            trace_id = otlp.new_trace_id()
            eventually(lambda: watched.send("traces", otlp.spans(SERVICE, trace_id)).is_success, "somebody else's trace is taken", 30)
            eventually(lambda: watched.trace(trace_id), "and arrives", 60, interval=0.5)
            statuses = list(answers)
        becomes_well(watched)
        peaks = {part.name.removeprefix(f"{watched.env.observability_prefix}-"): f"{part.peak:.0%}" for part in parts(watched)}
    finally:
        docker("rm", "-f", printer)
    print(f"flood: {statuses.count(200)} of {len(statuses)} batches taken; peaks of memory {peaks}")
    # Others are told to come again.
    assert set(statuses) <= {200, 429, 503}
    assert restarts(watched) == before
    assert not any(part.health.out_of_memory for part in parts(watched))


def test_a_bomb_of_names_and_values_makes_few_series(watched: ObservabilityUnderTest) -> None:
    before = restarts(watched)
    name = f"bomb_{uuid.uuid4().hex[:8]}"
    for _ in range(20):
        # Names of attributes, and ids in a value that may be there.
        labels: dict[tuple[tuple[str, str], ...], float] = {
            (("http.route", f"/orders/{uuid.uuid4()}"), (f"random_{uuid.uuid4().hex}", "x")): float(number) for number in range(500)
        }
        assert watched.send("metrics", otlp.counter(SERVICE, name, labels)).is_success
        of_service = {**SERVICE, "service.name": name}
        assert watched.send("traces", spans(of_service, 500)).is_success
    for _ in range(300):
        # Anybody's browser.
        resource = {"echobase.release": word(), "echobase.colour": word(), "service.name": word()}
        assert watched.send("traces", spans(resource, 20), port=4319).is_success

    counted = 'traces_span_metrics_calls_total{job="%s"}'
    for service in (name, "browser"):
        overflow = (counted % service).replace("}", ',otel_metric_overflow="true"}')
        eventually(lambda overflow=overflow: watched.series(overflow), f"the rest of {service} is counted together", 90)  # type: ignore[misc]
    eventually(lambda: watched.series(f"{name}_total"), "the numbers arrive", 30)
    found = {what: len(watched.series(counted % what)) for what in (name, "browser")}
    ids = watched.series(f"{name}_total")
    print(f"bomb: {len(ids)} series of ids, {found} of names; {watched.series('prometheus_tsdb_head_series')[0][1]:.0f} of all")
    # What cannot be told apart any more is one number. Prometheus refuses two of a name, with everything that came along.
    assert [(labels["http_route"], value) for labels, value in ids] == [("/orders/{id}", sum(range(500)))]
    assert found[name] <= 1001
    assert found["browser"] <= 3 * 101
    becomes_well(watched)
    assert restarts(watched) == before


def word() -> str:
    return "".join(chr(ord("a") + byte % 26) for byte in os.urandom(12))


def spans(resource: dict[str, str], number: int) -> dict[str, Any]:
    """Of one resource, each with a name of its own."""
    whole = otlp.spans(resource, otlp.new_trace_id())
    wholes = [
        otlp.spans({}, otlp.new_trace_id(), f"GET /{word()}", attributes=otlp.attributes({"http.route": word()})) for _ in range(number)
    ]
    whole["resourceSpans"][0]["scopeSpans"][0]["spans"] = [one["resourceSpans"][0]["scopeSpans"][0]["spans"][0] for one in wholes]
    return whole
