"""Whatever secret a sender lets slip into a trace, a number or a line: no store has it, neither in an answer nor in a file."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness import otlp
from harness.images_under_test import image_tag
from harness.observability_under_test import SERVICE, ObservabilityUnderTest, docker
from harness.waiting import eventually

# Each has a part of its own, so that one can tell which of them came through.
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJwbGFudGVkand0In0.c2lnbmF0dXJlLXBsYW50ZWQ"
BY_VALUE = {
    "a bearer token": ("Authorization: Bearer plantedbearer1234", "plantedbearer1234"),
    "a JWT": (f"token was {JWT} as said", JWT),
    "an AWS key": ("key AKIAPLANTED123456789", "AKIAPLANTED123456789"),
    "an address": ("sent to planted.mail@example.com just now", "planted.mail@example.com"),
    "a password": ("login with password=plantedhunter2 failed", "plantedhunter2"),
    "a password in JSON": ('{"user": "bob", "password": "planted json \\"word"}', "planted json"),
    "a cookie": ("Cookie: echobase_session=plantedcookie", "plantedcookie"),
    "a note": ('{"order": 7, "note": "planted: leave it at the door"}', "leave it at the door"),
    "a query": ("GET /api/orders?search=plantedquery&x=1", "plantedquery"),
    "basic": ("Basic cGxhbnRlZDpiYXNpYw==", "cGxhbnRlZDpiYXNpYw=="),
}
BY_KEY = {
    "http.request.header.authorization": "plantedkeyauthorization",
    "http.request.header.cookie": "plantedkeycookie",
    "db.password": "plantedkeypassword",
    "client_secret": "plantedkeysecret",
    "order.note": "plantedkeynote",
    "user.email": "plantedkeyemail",
    "access_token": "plantedkeytoken",
    "url.query": "plantedkeyquery",
    "aws.api_key": "plantedkeyapikey",
}
_CHUNK, _LONGEST = 4 << 20, 256
PLANTED = [*(secret for _, secret in BY_VALUE.values()), *BY_KEY.values()]
VALUES: dict[str, Any] = BY_KEY | {f"seen.{number}": value for number, (value, _) in enumerate(BY_VALUE.values())}
ALL_OF_THEM = " | ".join(value for value, _ in BY_VALUE.values())


@pytest.fixture(scope="module")
def planted(watched: ObservabilityUnderTest) -> Iterator[str]:
    """Plants them wherever a sender can say something, and gives the trace."""
    trace_id, span_id = otlp.new_trace_id(), otlp.new_span_id()
    resource = SERVICE | {"service.name": "planter", "process.command_args": ALL_OF_THEM} | VALUES
    event = {"name": "exception", "timeUnixNano": "1", "attributes": otlp.attributes(VALUES | {"exception.message": ALL_OF_THEM})}
    span = {"attributes": otlp.attributes(VALUES | {"nested": VALUES, "listed": [ALL_OF_THEM]}), "events": [event]}
    span |= {"status": {"code": 2, "message": ALL_OF_THEM}, "traceState": "planted=plantedbearer1234"}
    assert watched.send("traces", otlp.spans(resource, trace_id, f"GET {ALL_OF_THEM}", span_id, **span)).is_success
    labels = (*tuple(VALUES.items()), ("http.route", "/a?search=plantedquery"), ("error.type", ALL_OF_THEM))
    assert watched.send("metrics", otlp.counter(resource, "tests.planted", {labels: 1})).is_success
    assert watched.send("metrics", otlp.histogram(resource, "tests.planted.age", {}, trace_id, span_id)).is_success
    assert watched.send("logs", otlp.log(resource, ALL_OF_THEM, VALUES | {"nested": VALUES}, trace_id, span_id)).is_success
    assert watched.send("logs", otlp.log(resource, {"message": ALL_OF_THEM, "inner": VALUES}, {}, trace_id, span_id)).is_success
    labels_of_container = ["io.echobase.environment=test", "com.docker.compose.service=planter"]
    options = [word for label in labels_of_container for word in ("--label", label)]
    driver = ["--log-driver", "json-file", "--log-opt", "labels=io.echobase.environment,com.docker.compose.service"]
    said = "\n".join(value for value, _ in BY_VALUE.values()) + f"\nthat was all of {trace_id}"
    name = ["--name", "echobase-test-planter", "--memory", "32m", "--network", "none"]
    subprocess.run(["docker", "run", "-d", *options, *driver, *name, image_tag("nginx"), "echo", said], check=True, capture_output=True)
    try:
        eventually(lambda: watched.trace(trace_id), "the trace is found", 15)
        eventually(lambda: watched.series("tests_planted_total"), "the number is found", 15)
        eventually(lambda: watched.series("tests_planted_age_seconds_count"), "the age is found", 15)
        eventually(lambda: len(watched.logs({"trace_id": trace_id})) == 2, "the lines are found", 15)
        eventually(lambda: len(watched.logs({"service_name": "planter"})) >= 2 + len(BY_VALUE), "what the container said is found", 15)
        eventually(lambda: watched.series('traces_span_metrics_calls_total{job="planter"}'), "the span is counted", 30)
        yield trace_id
    finally:
        docker("rm", "-f", "echobase-test-planter")


def found_in(text: str) -> list[str]:
    return [secret for secret in PLANTED if secret in text]


def test_no_trace_has_them(watched: ObservabilityUnderTest, planted: str) -> None:
    text = watched.ask("jaeger", f"/api/v3/traces/{planted}").text
    assert found_in(text) == []
    # What is no secret is still there.
    assert "exception.message" in text and '"seen.0"' in text and "****" in text
    assert found_in(watched.ask("jaeger", "/api/services").text + watched.ask("jaeger", "/api/services/planter/operations").text) == []


def test_no_number_has_them(watched: ObservabilityUnderTest, planted: str) -> None:
    text = watched.ask("prometheus", "/api/v1/series", **{"match[]": '{job="planter"}'}).text
    assert "tests_planted_total" in text and "span_name" in text
    assert found_in(text) == []


def test_no_line_has_them(watched: ObservabilityUnderTest, planted: str) -> None:
    records = watched.logs({"service_name": "planter"})
    assert any("that was all of" in record.body for record in records)
    assert found_in(str(records)) == []


def test_no_file_of_a_store_has_them(watched: ObservabilityUnderTest, planted: str) -> None:
    """Also not where no question leads: write-ahead logs, the queues on the collector's disk."""
    for volume in watched.volumes:
        folder = Path(docker("volume", "inspect", volume, "--format", "{{.Mountpoint}}"))
        for file in (path for path in folder.rglob("*") if path.is_file()):
            assert found_in_file(file) == [], file


def found_in_file(file: Path) -> list[str]:
    """Only what is really on the disk is read: Jaeger's files are gigabytes of nothing."""
    found: set[str] = set()
    with file.open("rb") as stream:
        end, position = file.stat().st_size, 0
        while position < end:
            try:
                position = os.lseek(stream.fileno(), position, os.SEEK_DATA)
            except OSError:
                break
            hole = os.lseek(stream.fileno(), position, os.SEEK_HOLE)
            while position < hole:
                chunk = os.pread(stream.fileno(), min(_CHUNK, hole - position), position)
                found |= {secret for secret in PLANTED if secret.encode() in chunk}
                # A secret may lie on the border.
                position += max(1, len(chunk) - _LONGEST) if len(chunk) == _CHUNK else len(chunk) or hole
    return sorted(found)
