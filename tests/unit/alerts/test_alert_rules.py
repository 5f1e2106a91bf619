"""Every alert is judged by promtool, fires in one case and stays quiet in another, and tells whoever it wakes what to do."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from harness.alert_rules import CASES, CHECKOUT, RULES, AlertRule, alert_rules, cases, recorded
from harness.debian_programs import ran

ALERTS = alert_rules()
RUNBOOKS = CHECKOUT / "docs" / "runbooks"
# In this order, so that somebody tired finds the same thing at the same place of each page.
SECTIONS = ["What it means", "What customers notice", "Look first", "Do", "It is over when"]
# Names of metrics of ours, of recorded series, and of everybody else's.
_METRIC = re.compile(r"\b(?:echobase|environment|colour)(?::\w+)+|\b[a-z][a-z0-9]*(?:_[a-zA-Z0-9]+)+\b|\bup\b")
_WORDS = {"group_left", "label_replace", "clamp_min", "predict_linear", "sum_over_time", "avg_over_time", "min_over_time"}
_IN_QUOTES = re.compile(r'"[^"]*"')
_LABELS_OF_MATCHERS = re.compile(r"[{,]\s*\w+\s*(?==|!)|\b(?:by|on|group_left) \([^)]*\)")


def ids(alert: AlertRule) -> str:
    return f"{alert.name}-{alert.severity}"


def metrics_in(expression: str) -> set[str]:
    return set(_METRIC.findall(_LABELS_OF_MATCHERS.sub("{", _IN_QUOTES.sub('""', expression)))) - _WORDS


def known_metrics() -> set[str]:
    return {line for line in (CASES / "known_metrics.txt").read_text().splitlines() if line and not line.startswith("#")}


def test_promtool_finds_nothing_wrong_with_the_rules() -> None:
    ran("promtool", "check", "rules", "--lint=all", "--lint-fatal", *RULES)


@pytest.mark.parametrize("file", sorted(CASES.glob("*.yml")), ids=lambda file: file.stem)
def test_the_cases_hold(file: Path) -> None:
    ran("promtool", "test", "rules", file)


@pytest.mark.parametrize("alert", ALERTS, ids=ids)
def test_an_alert_fires_in_one_case_and_is_quiet_in_another(alert: AlertRule) -> None:
    of_it = [case for case in cases() if case.alert == alert.name]
    assert any(alert.severity == fired["severity"] for case in of_it for fired in case.fires)
    # It is the one that must never be quiet.
    assert alert.name == "Watchdog" or any(not case.fires for case in of_it)


def test_every_case_is_of_an_alert() -> None:
    assert {case.alert for case in cases()} == {alert.name for alert in ALERTS}


@pytest.mark.parametrize("alert", ALERTS, ids=ids)
def test_an_alert_says_how_urgent_it_is_and_where_help_is(alert: AlertRule) -> None:
    assert alert.severity in ("page", "ticket", "none")
    kebab = re.sub(r"(?<!^)(?=[A-Z])", "-", alert.name).lower()
    assert alert.annotations["runbook"] == f"docs/runbooks/{kebab}.md"
    summary = alert.annotations["summary"]
    assert summary and "\n" not in summary and not summary.endswith(".")
    assert set(alert.annotations) == {"summary", "runbook"}


@pytest.mark.parametrize("name", sorted({alert.name for alert in ALERTS}))
def test_the_runbook_has_all_that_somebody_needs_at_night(name: str) -> None:
    page = CHECKOUT / next(alert.annotations["runbook"] for alert in ALERTS if alert.name == name)
    text = page.read_text()
    assert text.startswith(f"# {name}\n")
    assert re.findall(r"^## (.+)$", text, re.M) == SECTIONS
    assert all(len(part.strip().splitlines()) > 1 for part in text.split("\n## ")[1:])


def test_every_runbook_is_of_an_alert_and_stands_in_the_table() -> None:
    table = (RUNBOOKS / "README.md").read_text()
    rows = re.findall(r"^\| \[(\w+)\]\(([\w-]+\.md)\) \| ([a-z, ]+) \|", table, re.M)
    severities = {
        name: ", ".join(sorted(alert.severity for alert in ALERTS if alert.name == name)) for name in {alert.name for alert in ALERTS}
    }
    assert {name: severity for name, _, severity in rows} == severities
    assert sorted(file for _, file, _ in rows) == sorted(page.name for page in RUNBOOKS.glob("*.md") if page.name != "README.md")


def test_no_alert_severity_stands_twice() -> None:
    assert [key for key, times in Counter((alert.name, alert.severity) for alert in ALERTS).items() if times > 1] == []


def test_every_metric_that_rules_use_is_known() -> None:
    """A name that nobody exports makes an alert that never fires."""
    known = known_metrics() | set(recorded())
    used = {name for expression in [*(alert.expression for alert in ALERTS), *recorded().values()] for name in metrics_in(expression)}
    assert sorted(used - known) == []
    assert sorted(known - used - set(recorded())) == []


def test_every_job_that_rules_name_is_scraped() -> None:
    written = (CHECKOUT / "roles" / "observability" / "templates" / "prometheus.yml.j2").read_text()
    scraped = set(re.findall(r"^  \('([\w-]+)', 'https?'", written, re.M)) | {"logs", "loki"}
    named = {job for alert in ALERTS for jobs in re.findall(r'job[=!]~?"([^"]+)"', alert.expression) for job in jobs.split("|")}
    assert named - scraped == set()
    assert named
