"""A user's own backend instead of our stores: a real OTLP server gets everything, redacted; what is wrong with it is told."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.containers.client import docker_client
from ansible_collections.echobase.platform.plugins.module_utils.status.observability import observed_by
from harness import otlp
from harness.observability_under_test import SERVICE, ObservabilityUnderTest, docker, printed
from harness.otlp_sink import OtlpSink, otlp_sink
from harness.parts_of_what_watches import collector_metric
from harness.role_run import RoleRun
from harness.throwaway_tls import make_certificates
from harness.waiting import eventually

pytestmark = pytest.mark.long

OBSERVER = 10002
SECRET = "plantedhunter2"


class Backend:
    """Where it listens, and what has to be said of it to the role."""

    def __init__(self, watched: ObservabilityUnderTest, folder: Path) -> None:
        self.watched = watched
        self.address = watched.env.observability_gateway
        self.tls = folder / "tls"
        make_certificates(self.tls, [], self.address)
        make_certificates(folder / "other", [], self.address)
        self.headers = folder / "headers.yaml"
        self.write_token("first")
        self.port = 0
        # The trace of a line that was recorded by our own stack.
        self.before = otlp.new_trace_id()
        self.options: dict[str, str] = {
            "observability_headers_file": str(self.headers),
            "observability_endpoint_authority": str(self.tls / "ca.crt"),
        }

    def write_token(self, token: str) -> None:
        self.headers.write_text(f"Authorization: Bearer {token}\n")
        os.chown(self.headers, 0, OBSERVER)
        self.headers.chmod(0o640)

    def listening(self, authority: str = "tls") -> AbstractContextManager[OtlpSink]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        edge = self.tls.parent / authority / "edge"
        context.load_cert_chain(edge / "tls.crt", edge / "tls.key")
        return otlp_sink(self.address, self.port, context)

    def run(self, *arguments: str) -> RoleRun:
        return self.watched.run(*arguments, observability_endpoint=f"https://{self.address}:{self.port}", **self.options)

    def send(self, trace_id: str) -> None:
        said = {"db.password": SECRET, "seen": f"password={SECRET}"}
        failed: dict[str, Any] = {"attributes": otlp.attributes(said), "status": {"code": 2}}
        assert self.watched.send("traces", otlp.spans(SERVICE, trace_id, **failed)).is_success
        assert self.watched.send("logs", otlp.log(SERVICE, f"login with password={SECRET}", said, trace_id)).is_success
        counted = otlp.counter(SERVICE, "tests.own", {(("result", "processed"), ("note", SECRET)): 1})
        assert self.watched.send("metrics", counted).is_success

    def collector_log(self) -> str:
        return printed(self.watched.container("collector"))

    def metric(self, name: str, label: str = "") -> float:
        return collector_metric(self.watched, name, "otlp_http/own", label)

    def all_of_it_waits(self) -> bool:
        return all(self.metric("otelcol_exporter_queue_size", f'data_type="{kind}"') > 0 for kind in ("traces", "metrics", "logs"))


@pytest.fixture(scope="module")
def backend(watched: ObservabilityUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    made = Backend(watched, tmp_path_factory.mktemp("backend"))
    assert watched.send("logs", otlp.log(SERVICE, "of before", {}, made.before)).is_success
    eventually(lambda: watched.logs({"trace_id": made.before}), "it is recorded", 30)
    # The port is one that is free, and stays the same for as long as the tests last.
    with made.listening() as sink:
        made.port = int(sink.url.rpartition(":")[2])
    try:
        yield made
    finally:
        # The other tests of this folder go on with our own stack.
        run = watched.run()
        assert not run.failed, run.output


def arrived(sink: OtlpSink, trace_id: str) -> bool:
    return bool(sink.spans(trace_id) and sink.logs(trace_id) and sink.points("tests.own"))


def test_traces_metrics_and_logs_arrive_redacted_with_the_header(backend: Backend) -> None:
    with backend.listening() as sink:
        first = backend.run()
        assert (first.changed, first.failed) == (1, 0), first.output
        assert "takes nothing" not in first.output
        assert backend.run().changed == 0
        services = {name.removeprefix(f"{backend.watched.env.observability_prefix}-") for name in backend.watched.containers}
        assert services == {"collector", "container-reader", "engine-view"}
        trace_id = otlp.new_trace_id()
        backend.send(trace_id)
        eventually(lambda: arrived(sink, trace_id), backend.collector_log, 40)
        eventually(lambda: sink.points("traces.span.metrics.calls"), "spans are counted", 40)
        eventually(lambda: sink.points("container.memory.usage.total"), "containers are measured", 60)
        assert {one["Authorization"] for one in sink.headers} == {"Bearer first"}
        assert not sink.holds(SECRET) and not sink.holds("Bearer")
        [span] = sink.spans(trace_id)
        assert (span.attributes["seen"], span.resource["deployment.environment.name"]) == ("****", "test")
        told = observed_by(docker_client(), backend.watched.env)
        assert told == [f"OBSERVED  by 3 containers, for https://{backend.address}:{backend.port}"]


def test_another_token_is_used_after_the_next_run(backend: Backend) -> None:
    backend.write_token("second")
    with backend.listening() as sink:
        assert backend.run().changed == 1
        sink.headers.clear()
        trace_id = otlp.new_trace_id()
        backend.send(trace_id)
        eventually(lambda: arrived(sink, trace_id), backend.collector_log, 40)
        assert {one["Authorization"] for one in sink.headers} == {"Bearer second"}


@pytest.mark.parametrize("way", ["away", "of another authority"])
def test_what_it_cannot_be_sent_waits_on_the_disk_and_it_is_said(backend: Backend, way: str) -> None:
    trace_id = otlp.new_trace_id()
    expected = {"away": "Connection refused", "of another authority": "certificate verify failed"}[way]
    logged = {"away": "connection refused", "of another authority": "certificate signed by unknown authority"}[way]

    def in_vain() -> None:
        run = backend.run()
        assert (run.changed, run.failed) == (0, 0), run.output
        told = " ".join(run.output.split())
        assert f"https://{backend.address}:{backend.port} takes nothing: " in told and expected in told, run.output
        assert "waits on the collector's disk" in told
        line, reason = observed_by(docker_client(), backend.watched.env)
        assert line.endswith(", IN VAIN") and expected in reason
        backend.send(trace_id)
        eventually(lambda: logged in backend.collector_log(), backend.collector_log, 40)
        eventually(lambda: backend.metric("otelcol_exporter_queue_size") > 0, "it waits", 30)

    if way == "away":
        in_vain()
    else:
        with backend.listening("other") as wrong:
            in_vain()
        assert wrong.bodies == []
    # A trace is decided upon after five seconds; before that it is in memory alone.
    eventually(backend.all_of_it_waits, "all of it waits", 40)
    docker("kill", backend.watched.container("collector"))
    with backend.listening() as sink:
        run = backend.run()
        assert (run.changed, run.failed) == (1, 0), run.output
        eventually(lambda: arrived(sink, trace_id), backend.collector_log, 60)


def test_a_refusal_is_final_and_is_said(backend: Backend) -> None:
    with backend.listening() as sink:
        sink.status = 401
        run = backend.run()
        told = " ".join(run.output.split())
        assert (run.changed, run.failed) == (0, 0), run.output
        assert "takes nothing: it answers 401 Unauthorized; what is sent is lost" in told, run.output
        lost = backend.metric("otelcol_exporter_send_failed_log_records_total")
        backend.send(otlp.new_trace_id())
        eventually(lambda: backend.metric("otelcol_exporter_send_failed_log_records_total") > lost, backend.collector_log, 30)
        assert "401" in backend.collector_log()


def test_a_file_that_is_not_there_or_closed_is_refused_before_anything_changes(backend: Backend, tmp_path: Path) -> None:
    before = docker("inspect", "-f", "{{.Id}}", backend.watched.container("collector"))
    missing = backend.watched.run(
        observability_endpoint=f"https://{backend.address}:{backend.port}",
        observability_headers_file=str(tmp_path / "no-such-file"),
    )
    assert missing.failed and "no-such-file, which collector is to read, is not there" in missing.output, missing.output
    backend.headers.chmod(0o600)
    closed = backend.run()
    backend.headers.chmod(0o640)
    assert closed.failed and f"is closed to user {OBSERVER}" in closed.output, closed.output
    assert docker("inspect", "-f", "{{.Id}}", backend.watched.container("collector")) == before


def test_the_way_back_to_our_own_stack_has_what_was_recorded_before(backend: Backend) -> None:
    watched = backend.watched
    run = watched.run()
    assert (run.changed, run.failed) == (1, 0), run.output
    assert watched.run().changed == 0
    assert not (watched.home / "observability" / "backend.json").exists()
    eventually(lambda: watched.logs({"trace_id": backend.before}), "what was recorded before is still there", 20)
    trace_id = otlp.new_trace_id()
    backend.send(trace_id)
    eventually(lambda: watched.logs({"trace_id": trace_id}), "a new line is found here again", 40)
    eventually(lambda: watched.series("tests_own_total"), "a number is found here again", 40)
    assert "IN VAIN" not in " ".join(observed_by(docker_client(), watched.env))
