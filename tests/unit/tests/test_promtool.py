"""The harness finds a promtool that tells right PromQL from wrong."""

from __future__ import annotations

from harness.promtool import refused, run_promtool


def test_promtool_runs() -> None:
    assert run_promtool("--version").stdout.startswith("promtool, version ")


def test_right_expressions_pass() -> None:
    assert refused(["up", "sum by (colour) (rate(echobase_edge_requests_total[5m]))"]) == []


def test_a_wrong_expression_is_told() -> None:
    said = refused(["up", "sum by (colour (rate(up[5m])))"])
    assert any("could not parse expression" in line for line in said)
