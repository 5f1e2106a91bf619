# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Callback trace: each playbook run as one trace, each release as one span in it with its steps."""

from __future__ import annotations

DOCUMENTATION = r"""
name: trace
type: notification
short_description: Send each playbook run as one trace
description:
  - Where the environment has a collector, which role observability writes into C(<home>/<environment>/telemetry.json), or where
    E(OTEL_EXPORTER_OTLP_ENDPOINT) names one, the run is sent there when it ends. Otherwise it does nothing.
  - It sends names of plays, roles and tasks, how long they took and how they ended, and of a failure its first line. It never sends
    arguments, variables, results or diffs, and of a task with C(no_log) not even the failure.
  - It never fails a run and never delays it by more than two seconds. With C(-v) it says why nothing was sent.
  - A run that is started with E(TRACEPARENT) becomes a part of that trace.
  - Names and attributes are those of P(community.general.opentelemetry#callback), and its Python packages are not needed.
author:
  - The echobase.platform authors (@echobase)
"""

import getpass
import os
import platform
import re
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible import context
from ansible.module_utils.ansible_release import __version__ as ansible_version
from ansible.plugins.callback import CallbackBase

from ansible_collections.echobase.platform.plugins.callback.story import failure_text, readable_name
from ansible_collections.echobase.platform.plugins.plugin_utils.otlp import Collector, encoded
from ansible_collections.echobase.platform.plugins.plugin_utils.run_trace import VARIABLE, Origin, RunTrace, Value
from ansible_collections.echobase.platform.plugins.plugin_utils.task_results import told_by_any_core

_OURS = "echobase.platform."
_COUNTED = ("ok", "changed", "skipped", "failures")
_HIDDEN = "hidden, since the task has no_log"
# Of what our modules are given and answer, these name what the run is about. Anything else stays here.
_KNOWING = (
    "release_lease",
    "images",
    "colour_claim",
    "colour_containers",
    "db_migration",
    "release_ledger",
    "bluegreen_switch",
    "edge_group_switch",
)
_NAMES = {"colour": re.compile(r"blue|green"), "release": re.compile(r"[\w.-]{1,80}")}


class CallbackModule(CallbackBase):  # type: ignore[misc]  # Ansible comes without types
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "echobase.platform.trace"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._trace: RunTrace | None = None
        self._collector = None if _is_off() else Collector.of_variables(os.environ)
        # The first module of ours says which environment it works on, and where that has its files.
        self._environment: dict[str, Any] = {}
        self._failure = ""

    def v2_playbook_on_start(self, playbook: Any) -> None:
        origin = Origin.of(os.environ.get("TRACEPARENT", ""))
        os.environ.pop(VARIABLE, None)
        if origin is None or _is_off():
            return
        self._trace = RunTrace(origin, Path(playbook._file_name).stem)
        if self._collector:
            os.environ[VARIABLE] = origin.trace_id

    def v2_playbook_on_play_start(self, play: Any) -> None:
        if self._trace:
            self._trace.begin_play(play.get_name().strip())

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        self._begin(task)

    def v2_playbook_on_cleanup_task_start(self, task: Any) -> None:
        self._begin(task)

    def v2_playbook_on_handler_task_start(self, task: Any) -> None:
        self._begin(task)

    def v2_runner_on_ok(self, result: Any) -> None:
        self._end(result, "ok", "")

    def v2_runner_on_skipped(self, result: Any) -> None:
        self._end(result, "skipped", None)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        told = told_by_any_core(result)
        failure = _HIDDEN if told.task.no_log else failure_text(told.result) or "failed"
        if ignore_errors:
            self._end(result, "ignored", None)
            return
        self._failure = f"{readable_name(told.task)}: {failure}"
        self._end(result, "failed", failure)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._failure = f"{told_by_any_core(result).host} cannot be reached"
        self._end(result, "unreachable", self._failure)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        if self._trace is None:
            return
        os.environ.pop(VARIABLE, None)
        collector = self._collector or self._of_environment()
        if collector is None:
            return
        hosts = [stats.summarize(host) for host in stats.processed]
        counts: dict[str, Value] = {f"ansible.{kind}": sum(host[kind] for host in hosts) for kind in _COUNTED}
        is_failed = any(host["failures"] or host["unreachable"] for host in hosts)
        spans = self._trace.finish((self._failure or "failed") if is_failed else None, counts | _about_this_run())
        resource: dict[str, Value] = {
            "service.name": os.environ.get("OTEL_SERVICE_NAME", "ansible"),
            "service.instance.id": f"{platform.node()}-{os.getpid()}",
        }
        if name := self._environment.get("environment"):
            resource["deployment.environment.name"] = str(name)
        trace_id = self._trace.origin.trace_id
        if trouble := collector.send(encoded(trace_id, spans, resource)):
            self._display.v(f"the trace of this run was not sent to {collector.url}: {trouble}")
        elif self._trace.has_release:
            self._display.display(f"trace {trace_id}{self._page_of(trace_id)}")

    def _begin(self, task: Any) -> None:
        if self._trace is None:
            return
        operation = ""
        if task.action == f"{_OURS}release_lease":
            if task.args.get("state") == "returned":
                self._trace.end_work()
            else:
                operation = str(task.args.get("operation", ""))
        role = task._role.get_name().rpartition(".")[2] if task._role else ""
        self._trace.begin_task(task._uuid, readable_name(task), role, {"ansible.task.module": task.action}, operation)

    def _end(self, result: Any, state: str, failure: str | None) -> None:
        if self._trace is None:
            return
        told = told_by_any_core(result)
        self._trace.end_task(told.task._uuid, told.host.get_name(), state, failure)
        if told.task.action.startswith(_OURS) and not told.task.no_log:
            self._learn(told.task.action.removeprefix(_OURS), told.result)

    def _learn(self, module: str, answer: Mapping[str, Any]) -> None:
        given = (answer.get("invocation") or {}).get("module_args") or {}
        if not self._environment and given.get("environment"):
            self._environment = dict(given)
            if self._trace:
                self._trace.learn({"echobase.environment": str(given["environment"])})
                if self._of_environment():
                    os.environ[VARIABLE] = self._trace.origin.trace_id
        if self._trace and module in _KNOWING:
            self._trace.learn(names_in(given, answer))

    def _of_environment(self) -> Collector | None:
        given = self._environment
        return Collector.of_file(Path(given["home"]) / given["environment"] / "telemetry.json") if given.get("home") else None

    def _page_of(self, trace_id: str) -> str:
        """Where the operators' console shows it, if the trace went to the environment's own collector."""
        if self._collector or not self._environment:
            return ""
        from ansible_collections.echobase.platform.plugins.module_utils.module.environment_arguments import environment_of  # noqa: PLC0415

        return f": {environment_of(self._environment).operators_url}/console/trace/{trace_id}"


def names_in(given: Mapping[str, Any], answer: Mapping[str, Any]) -> dict[str, Value]:
    """What the run is about, as attributes: which environment, colour, release and lease, and between which generations traffic moved."""
    found: dict[str, Value] = {}
    if isinstance(given.get("environment"), str):
        found["echobase.environment"] = given["environment"]
    for name, form in _NAMES.items():
        # A module that chooses says what it chose.
        value = answer.get(name) or given.get(name)
        if isinstance(value, str) and form.fullmatch(value):
            found[f"echobase.{name}"] = value
    holder, number = given.get("holder"), answer.get("number")
    if isinstance(holder, Mapping) and isinstance(number, int):
        found |= {"echobase.run": str(holder.get("run", "")), "echobase.lease": number}
    for moment in ("before", "after"):
        generation = answer.get(moment)
        if isinstance(generation, Mapping) and isinstance(generation.get("generation"), int):
            found[f"echobase.generation.{moment}"] = generation["generation"]
    return found


def _about_this_run() -> dict[str, Value]:
    return {
        "ansible.version": ansible_version,
        "ansible.host.name": socket.gethostname(),
        "echobase.check_mode": bool(context.CLIARGS.get("check")),
        "ansible.host.user": os.environ.get("SUDO_USER") or getpass.getuser(),
    }


def _is_off() -> bool:
    return os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
