"""Which of what modules are given and answer becomes a part of the trace."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import pytest

from ansible_collections.echobase.platform.plugins.callback.trace import names_in
from ansible_collections.echobase.platform.plugins.plugin_utils.run_trace import Origin, RunTrace


def test_the_names_of_a_release_are_kept_and_nothing_else() -> None:
    given = {"environment": "devlocal", "colour": "green", "details": {"reason": "secret plans"}, "home": "/var/lib/echobase"}
    answer = {"release": "0.1.0-243cf436", "entry": {"by": "anna"}, "password": "hunter2"}
    assert names_in(given, answer) == {
        "echobase.environment": "devlocal",
        "echobase.colour": "green",
        "echobase.release": "0.1.0-243cf436",
    }


def test_a_lease_names_its_run() -> None:
    holder = {"run": "a1b2c3", "owner": "anna"}
    assert names_in({"holder": holder}, {"number": 7}) == {"echobase.run": "a1b2c3", "echobase.lease": 7}


def test_a_switch_names_its_generations() -> None:
    answer = {"before": {"generation": 6, "weights": {}}, "after": {"generation": 7}}
    assert names_in({}, answer) == {"echobase.generation.before": 6, "echobase.generation.after": 7}


@pytest.mark.parametrize("odd", ["", None, "red", 7, ["blue"], "0.1 0", "x" * 200, "../etc"])
def test_what_is_no_name_is_left_out(odd: Any) -> None:
    assert names_in({"colour": odd, "release": odd if odd != "red" else ""}, {"before": odd, "after": None}) == {}


def test_attributes_of_a_task_are_those_of_the_communitys_callback() -> None:
    theirs = (files("ansible_collections.community.general.plugins.callback") / "opentelemetry.py").read_text()
    trace = RunTrace(Origin("0" * 32), "deploy")
    trace.begin_task("t", "task", "", {"ansible.task.module": "ansible.builtin.command"})
    trace.end_task("t", "devlocal", "ok", "")
    ours = [name for span in trace.spans for name in span.attributes if name.startswith("ansible.")]
    assert ours
    assert [name for name in ours if f'"{name}"' not in theirs] == []
