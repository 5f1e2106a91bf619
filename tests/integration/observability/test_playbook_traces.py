"""A small playbook really run and sent to a real HTTPS server: one trace, failures marked, no secret, and no harm when nobody takes it."""

from __future__ import annotations

import json
import os
import re
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.environment.ledger import Ledger
from harness.throwaway_tls import make_certificates
from harness.trace_sink import FAILED, TraceSink, trace_sink

CHECKOUT = Path(__file__).resolve().parents[3]
SECRET = "planted-hunter2"
# Nobody answers there, not even to refuse: it is an address for documentation.
NOBODY = "https://192.0.2.1:4318"
PLAYBOOK = f"""
- name: Small release
  hosts: all
  gather_facts: false
  module_defaults:
    group/echobase.platform.environment:
      environment: test
      home: "{{{{ base }}}}"
      lease: "{{{{ release_lease.number | default(omit) }}}}"
  tasks:
    - name: Have the environment
      echobase.platform.release_lease:
        operation: promote
      register: release_lease

    - name: Handle a secret
      ansible.builtin.command: "echo {SECRET}"
      no_log: true
      changed_when: true

    - name: Handle arguments and variables
      ansible.builtin.set_fact:
        of_the_run: "{SECRET}-argument"

    - name: Fail with a secret
      ansible.builtin.command: "cat /{SECRET}"
      no_log: true
      ignore_errors: true
      changed_when: false

    - name: Fail for good
      ansible.builtin.fail:
        msg: "the database at https://app:{SECRET}@db said no"
      when: fails | default(false) | bool

    - name: Record the promotion
      echobase.platform.release_ledger:
        event: promoted
        colour: green
        release: 0.1.0-243cf436
        details: {{reason: "{SECRET}-reason"}}

    - name: Let others have the environment
      echobase.platform.release_lease:
        state: returned
"""


@dataclass
class Run:
    code: int
    output: str
    seconds: float


@dataclass
class Scene:
    base: Path

    @property
    def home(self) -> Path:
        return self.base / "test"

    def has_collector(self, url: str) -> None:
        telemetry = {"endpoint": url, "authority": str(self.base / "tls" / "ca.crt"), "environment": "test"}
        (self.home / "telemetry.json").write_text(json.dumps(telemetry))

    def run(self, *options: str, **variables: str) -> Run:
        command = [sys.executable, "-m", "ansible", "playbook", "-i", str(self.base / "hosts.yml"), "-e", f"base={self.base}", *options]
        environment = os.environ | {"ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg")} | variables
        began = time.monotonic()
        done = subprocess.run(
            [*command, str(self.base / "promote.yml")], cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False
        )
        return Run(done.returncode, done.stdout + done.stderr, time.monotonic() - began)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    make_certificates(tmp_path / "tls", [])
    (tmp_path / "test").mkdir()
    (tmp_path / "promote.yml").write_text(PLAYBOOK)
    (tmp_path / "hosts.yml").write_text(
        f"all: {{hosts: {{here: {{ansible_connection: local, ansible_python_interpreter: {sys.executable}}}}}}}\n"
    )
    return Scene(tmp_path)


@pytest.fixture
def sink(scene: Scene) -> Iterator[TraceSink]:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(scene.base / "tls" / "edge" / "tls.crt", scene.base / "tls" / "edge" / "tls.key")
    with trace_sink(tls) as sink:
        scene.has_collector(sink.url)
        yield sink


def test_a_release_is_one_trace_with_its_steps_and_no_secret(scene: Scene, sink: TraceSink) -> None:
    run = scene.run()
    assert run.code == 0, run.output
    root, release = sink.one("playbook promote"), sink.one("release promote")
    assert len({span.trace_id for span in sink.spans}) == 1
    assert sink.above(sink.one("Record the promotion")) == ["release promote", "play Small release", "playbook promote"]
    assert (root.parent_id, root.attributes["echobase.outcome"], root.attributes["echobase.environment"]) == ("", "succeeded", "test")
    assert (root.attributes["ansible.changed"], root.attributes["echobase.check_mode"]) == ("2", False)
    named = {name: release.attributes[f"echobase.{name}"] for name in ("colour", "release", "operation", "lease")}
    assert named == {"colour": "green", "release": "0.1.0-243cf436", "operation": "promote", "lease": "1"}
    assert re.fullmatch(r"[0-9a-f]{12}", release.attributes["echobase.run"])
    assert sink.resource["service.name"] == "ansible"
    assert sink.resource["deployment.environment.name"] == "test"
    assert root.start <= release.start < release.end <= root.end
    assert SECRET not in b"".join(sink.bodies).decode()

    # The user and the ledger know its name.
    assert f"trace {root.trace_id}: https://localhost:" in run.output
    assert f"/console/trace/{root.trace_id}\n" in run.output
    [entry] = Ledger(scene.home / "ledger.jsonl").entries()
    assert entry["details"]["trace_id"] == root.trace_id


def test_a_failure_is_marked_in_the_trace_of_the_caller(scene: Scene, sink: TraceSink) -> None:
    trace, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    run = scene.run("-e", "fails=true", TRACEPARENT=f"00-{trace}-{parent}-01")
    assert run.code == 2
    assert {span.trace_id for span in sink.spans} == {trace}
    root = sink.one("playbook promote")
    assert (root.parent_id, root.status["code"]) == (parent, FAILED)
    said = "the database at https://***@db said no"
    assert sink.one("release promote").status == sink.one("Fail for good").status == {"code": FAILED, "message": said}
    assert sink.one("Fail with a secret").attributes["ansible.task.host.status"] == "ignored"
    assert SECRET not in b"".join(sink.bodies).decode()


def test_without_a_collector_nothing_is_sent_or_said(scene: Scene) -> None:
    run = scene.run()
    assert (run.code, "trace" in run.output) == (0, False)
    assert "trace_id" not in Ledger(scene.home / "ledger.jsonl").entries()[0]["details"]


def test_a_collector_that_takes_nothing_changes_nothing(scene: Scene, sink: TraceSink) -> None:
    sink.status = 503
    run = scene.run("-v")
    assert (run.code, "/console/trace/" in run.output) == (0, False)
    assert f"the trace of this run was not sent to {sink.url}/v1/traces: it answered with 503" in run.output


def test_a_collector_that_is_away_changes_no_exit_code(scene: Scene) -> None:
    scene.has_collector(NOBODY)
    run = scene.run("-v", "-e", "fails=true")
    assert run.code == 2
    assert f"the trace of this run was not sent to {NOBODY}/v1/traces" in run.output


@pytest.mark.long
def test_a_collector_that_is_away_costs_two_seconds_and_no_word(scene: Scene) -> None:
    without = scene.run()
    scene.has_collector(NOBODY)
    run = scene.run()
    assert (run.code, "trace" in run.output) == (0, False)
    assert run.seconds < without.seconds + 3
