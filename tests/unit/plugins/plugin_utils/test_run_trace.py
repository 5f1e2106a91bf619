"""A run as a tree of spans."""

from __future__ import annotations

import itertools

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.lease.release_lease import RELEASE_OPERATIONS
from ansible_collections.echobase.platform.plugins.plugin_utils.run_trace import RELEASE_VERBS, Origin, RunTrace, Span, redacted

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def run(clock_step: int = 10) -> RunTrace:
    return RunTrace(Origin(TRACE, SPAN), "deploy", itertools.count(0, clock_step).__next__)


def step(trace: RunTrace, name: str, role: str = "", operation: str = "", failure: str | None = "") -> None:
    trace.begin_task(name, name, role, {}, operation)
    trace.end_task(name, "devlocal", "failed" if failure else "ok", failure)


def tree(spans: list[Span]) -> list[str]:
    names = {span.span_id: span for span in spans}

    def depth(span: Span) -> int:
        return 1 + depth(names[span.parent_id]) if span.parent_id in names else 0

    return [f"{'  ' * depth(span)}{span.name}" for span in spans]


def one(spans: list[Span], name: str) -> Span:
    [found] = [span for span in spans if span.name == name]
    return found


def test_a_release_is_one_span_with_its_steps() -> None:
    trace = run()
    trace.begin_play("Deploy a candidate")
    step(trace, "Have the environment", operation="deploy")
    step(trace, "app_stack: Render", role="app_stack")
    step(trace, "app_stack: Start", role="app_stack")
    step(trace, "Record the deployment")
    trace.begin_task("back", "Let others have it", "", {})
    trace.end_task("back", "devlocal", "ok", "")
    trace.end_work()
    step(trace, "Something else")
    assert tree(trace.finish(None, {})) == [
        "playbook deploy",
        "  play Deploy a candidate",
        "    release deploy",
        "      Have the environment",
        "      role app_stack",
        "        app_stack: Render",
        "        app_stack: Start",
        "      Record the deployment",
        "      Let others have it",
        "    Something else",
    ]
    assert trace.has_release


def test_groups_reach_from_their_first_task_to_their_last() -> None:
    trace = run()
    trace.begin_play("Play")
    step(trace, "lease", operation="promote")
    step(trace, "traffic: Move", role="traffic")
    spans = trace.finish(None, {})
    release, move = one(spans, "release promote"), one(spans, "traffic: Move")
    assert (one(spans, "role traffic").start <= move.start, one(spans, "role traffic").end) == (True, move.end)
    assert (release.start <= one(spans, "lease").start, release.end) == (True, move.end)
    assert one(spans, "playbook deploy").end > move.end


def test_what_is_learned_stands_on_the_run_and_the_release() -> None:
    trace = run()
    trace.begin_play("Play")
    step(trace, "lease", operation="promote")
    trace.learn({"echobase.colour": "green", "echobase.generation.before": 6, "echobase.generation.after": 7})
    spans = trace.finish(None, {"ansible.changed": 3})
    root, release = one(spans, "playbook deploy"), one(spans, "release promote")
    assert (root.parent_id, root.attributes["echobase.colour"], root.attributes["ansible.changed"]) == (SPAN, "green", 3)
    assert (release.attributes["echobase.colour"], release.attributes["echobase.generation.after"]) == ("green", 7)
    assert (root.attributes["echobase.outcome"], release.attributes["echobase.outcome"]) == ("succeeded", "succeeded")


def test_a_failure_is_told_by_the_step_the_release_and_the_run() -> None:
    trace = run()
    trace.begin_play("Play")
    step(trace, "lease", operation="deploy")
    step(trace, "smoke_test", failure="the order was not processed")
    spans = trace.finish("smoke_test: the order was not processed", {})
    assert one(spans, "smoke_test").failure == "the order was not processed"
    assert one(spans, "release deploy").failure == "the order was not processed"
    assert one(spans, "release deploy").attributes["echobase.outcome"] == "failed"
    assert one(spans, "playbook deploy").failure == "smoke_test: the order was not processed"
    assert one(spans, "lease").failure == ""


def test_a_failure_that_the_playbook_repaired_is_none_of_the_run() -> None:
    trace = run()
    trace.begin_play("Play")
    step(trace, "lease", operation="deploy")
    step(trace, "try", failure="not yet")
    step(trace, "repair")
    spans = trace.finish(None, {})
    assert (one(spans, "try").failure, one(spans, "release deploy").failure, one(spans, "playbook deploy").failure) == ("not yet", "", "")


def test_other_work_with_a_lease_is_called_after_it() -> None:
    trace = run()
    trace.begin_play("Setup")
    step(trace, "lease", operation="setup")
    assert "operation setup" in [span.name for span in trace.finish(None, {})]
    assert not trace.has_release
    assert set(RELEASE_VERBS) <= set(RELEASE_OPERATIONS)


def test_a_task_on_two_hosts_is_a_span_for_each() -> None:
    trace = run()
    trace.begin_play("Play")
    trace.begin_task("t", "task", "", {})
    for host in ("east", "west"):
        trace.end_task("t", host, "ok", "")
    hosts = [span.attributes["ansible.task.host.name"] for span in trace.finish(None, {}) if span.name == "task"]
    assert hosts == ["east", "west"]


@pytest.mark.parametrize("given", ["", "nonsense", f"00-{TRACE}-{SPAN}", f"01-{TRACE}-{SPAN}-01"])
def test_without_a_caller_a_trace_is_new(given: str) -> None:
    origin = Origin.of(given)
    assert origin is not None
    assert (len(origin.trace_id), origin.span_id, origin.trace_id == TRACE) == (32, "", False)


def test_a_callers_trace_is_continued_unless_it_is_not_kept() -> None:
    assert Origin.of(f"00-{TRACE}-{SPAN}-01") == Origin(TRACE, SPAN)
    assert Origin.of(f"00-{TRACE}-{SPAN}-00") is None


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("no route to host\nTraceback: x", "no route to host"),
        ("cannot reach https://anna:s3cret@shop.example/x", "cannot reach https://***@shop.example/x"),
        ("password=hunter2 was refused", "password=*** was refused"),
        ("header Authorization: Bearer abc.def was refused", "header Authorization: *** was refused"),
        ('{"api_key": "abc"}', '{"api_key": ***'),
        ("DB_PASSWORD: hunter2", "DB_PASSWORD: ***"),
        ("the password is wrong", "the password is wrong"),
    ],
)
def test_a_failure_is_its_first_line_without_secrets(text: str, kept: str) -> None:
    assert redacted(text) == kept


def test_a_long_failure_is_cut() -> None:
    assert len(redacted("x" * 5000)) == 300
