"""Role observability: it says what it changes, changes nothing twice, keeps what was recorded, and takes no more than it may."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from threading import Thread
from typing import Any

import pytest

from harness import otlp
from harness.observability_under_test import SERVICE, ObservabilityUnderTest, docker
from harness.parts_of_what_watches import waiting_for
from harness.waiting import eventually

# What the engine says of a container that SIGKILL ended.
KILLED = 137


def inspected(watched: ObservabilityUnderTest) -> dict[str, dict[str, Any]]:
    return {one["Name"].lstrip("/"): one for one in json.loads(docker("inspect", *watched.containers))}


def test_a_second_run_changes_nothing_and_check_mode_writes_nothing(watched: ObservabilityUnderTest) -> None:
    before = {name: one["Id"] for name, one in inspected(watched).items()}
    assert watched.run().changed == 0
    changed = watched.run("--check", "--diff", observability_metrics_days=3)
    assert (changed.changed, changed.failed) == (1, 0)
    assert "retention.time=3d" in changed.output
    assert watched.run("--check", observability_state="absent").changed == 1
    assert {name: one["Id"] for name, one in inspected(watched).items()} == before


def test_nothing_is_published_and_everything_has_its_limits(watched: ObservabilityUnderTest) -> None:
    for name, one in inspected(watched).items():
        host, config = one["HostConfig"], one["Config"]
        assert not host["PortBindings"] and host["ReadonlyRootfs"] and host["CapDrop"] == ["ALL"], name
        assert host["Memory"] > 0 and host["PidsLimit"] > 0, name
        user = "101:10002" if name.endswith("engine-view") else "0:10002" if name.endswith("container-reader") else "10002:10002"
        assert config["User"] == user, name
    flags = watched.ask("prometheus", "/api/v1/status/flags").json()["data"]
    assert (flags["storage.tsdb.retention.time"], flags["storage.tsdb.retention.size"]) == ("15d", "2GiB")


def test_the_engines_view_shows_this_environments_containers_and_changes_none(watched: ObservabilityUnderTest) -> None:
    """Asked from where its only caller asks. The engine would do whatever it is told."""

    def asked(*arguments: str) -> tuple[int, str]:
        command = ["docker", "exec", watched.container("engine-view"), "curl", "-s", "-o", "/dev/stdout", "-w", "\n%{http_code}"]
        done = subprocess.run([*command, "--unix-socket", "/view/engine.sock", *arguments], check=True, capture_output=True, text=True)
        body, _, status = done.stdout.rpartition("\n")
        return int(status), body

    status, body = asked('http://engine/containers/json?all=1&filters={"label":["io.echobase.environment"]}', "--globoff")
    assert status == 200
    assert {one["Labels"]["io.echobase.environment"] for one in json.loads(body)} == {"test"}
    name = docker("inspect", "-f", "{{.Id}}", watched.container("prometheus"))
    assert asked(f"http://engine/containers/{name}/json")[0] == 200
    for method, path in (
        ("POST", f"/containers/{name}/stop"),
        ("POST", "/containers/create"),
        ("DELETE", f"/containers/{name}"),
        ("GET", f"/containers/{name}/archive?path=/data"),
        ("GET", f"/containers/{name}/logs?stdout=1"),
        ("GET", "/images/json"),
        ("POST", f"/containers/{name}/json"),
        ("GET", f"/v1.41/containers/{name}/export"),
    ):
        assert asked("-X", method, f"http://engine{path}")[0] == 403, path


def test_the_engines_view_tells_of_changed_containers_and_not_of_health_checks(watched: ObservabilityUnderTest) -> None:
    """Who hears an event asks the engine about the whole container, and a health check is three events."""
    other, heard = watched.container("node-exporter"), list[str]()

    def listen(events: Iterable[str]) -> None:
        for event in events:
            heard.append(json.loads(event)["Action"])

    def changes_are_heard() -> bool:
        for what in (("exec", other, "true"), ("pause", other), ("unpause", other)):
            docker(*what)
        # The engine tells in order, so by the second one it has told, or not, of a health check in between.
        return heard.count("unpause") >= 2

    command = ["docker", "exec", watched.container("engine-view"), "curl", "-sN", "--max-time", "90", "--unix-socket", "/view/engine.sock"]
    with subprocess.Popen([*command, "http://engine/events"], stdout=subprocess.PIPE, text=True) as listening:
        assert listening.stdout
        listener = Thread(target=listen, args=(listening.stdout,))
        listener.start()
        try:
            eventually(changes_are_heard, lambda: f"two changes are heard of; what is heard: {heard}", 60)
        finally:
            listening.kill()
            listener.join()
    assert set(heard) == {"pause", "unpause"}


@pytest.mark.long
def test_a_store_that_was_away_misses_nothing_and_another_version_keeps_what_was_recorded(watched: ObservabilityUnderTest) -> None:
    """What is sent meanwhile waits on the collector's disk, also where the collector itself starts anew."""
    before = otlp.new_trace_id()
    watched.send("traces", otlp.spans(SERVICE, before))
    eventually(lambda: watched.trace(before), "it is recorded", 20)
    stores = [watched.container(service) for service in ("jaeger", "prometheus", watched.log_store.service)]
    docker("kill", *stores)
    meanwhile = otlp.new_trace_id()
    assert watched.send("traces", otlp.spans(SERVICE, meanwhile)).is_success
    assert watched.send("logs", otlp.log(SERVICE, "sent to nobody yet", {}, meanwhile)).is_success
    assert watched.send("metrics", otlp.counter(SERVICE, "tests.meanwhile", {(("result", "processed"),): 7})).is_success
    # A trace is decided upon after five seconds; before that it is in memory alone.
    eventually(lambda: waiting_for(watched, "traces") > 0, "the trace waits on the disk", 20)
    docker("kill", watched.container("collector"))
    # The role starts what does not run, and makes Prometheus anew.
    run = watched.run(observability_metrics_days=16)
    assert (run.changed, run.failed) == (1, 0), run.output
    eventually(lambda: watched.trace(meanwhile), "the trace arrives", 40)
    eventually(lambda: watched.logs({"trace_id": meanwhile}), "the line arrives", 40)
    eventually(lambda: watched.series("last_over_time(tests_meanwhile_total[10m])"), "the number arrives", 60)
    assert watched.trace(before)
    assert watched.run().changed == 1
    assert watched.trace(before)


def test_whoever_is_told_to_stop_does(watched: ObservabilityUnderTest) -> None:
    """Who is the first process of its container gets no signal that it did not ask for: it is killed once its patience is over."""
    docker("stop", *watched.containers)
    assert [name for name, one in inspected(watched).items() if one["State"]["ExitCode"] == KILLED] == []
    assert watched.run().changed == 1


def test_what_was_recorded_outlives_the_containers(watched: ObservabilityUnderTest) -> None:
    volumes = [name for name in watched.volumes if name.endswith("-data")]
    assert watched.run(observability_state="absent").changed == 1
    assert watched.containers == []
    assert watched.volumes == volumes
    assert not (watched.home / "observability").exists() and not (watched.home / "telemetry.json").exists()
    assert watched.run(observability_state="absent").changed == 0
    assert watched.run().changed == 1
    telemetry = json.loads((watched.home / "telemetry.json").read_text())
    assert telemetry["endpoint"] == f"https://{watched.env.collector_address}:4318"
