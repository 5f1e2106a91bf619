"""The rules of Prometheus that role observability and the order system bring, and their tests in tests/unit/alerts, as data."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

CHECKOUT = Path(__file__).resolve().parents[2]
RULES = [*sorted((CHECKOUT / "roles/observability/files/rules").glob("*.yml")), CHECKOUT / "apps/orders/observe/rules.yml"]
CASES = CHECKOUT / "tests" / "unit" / "alerts"

_SERIES = re.compile(r"(?P<name>\w+)\{(?P<labels>.*)\}")
_LABEL = re.compile(r'(\w+)="([^"]*)"')
# What the tests write: a+bxn, a-bxn, axn and _xn. The first one counts, so there are n + 1 values, as promtool has it.
_VALUES = re.compile(r"(?P<first>-?[\d.]+|_)(?P<step>[+-][\d.]+)?x(?P<times>\d+)")
_UNITS = {"h": 3600, "m": 60, "s": 1}


@dataclass(frozen=True)
class AlertRule:
    name: str
    severity: str
    expression: str
    # For how long it must be so before it is told.
    hold: str
    annotations: dict[str, str]
    file: str


@dataclass(frozen=True)
class Series:
    name: str
    labels: dict[str, str]
    # None where there is no sample.
    values: list[float | None]


@dataclass(frozen=True)
class Case:
    """One moment of a test: these series, and the alerts of one name that fire then; none where it stays quiet."""

    title: str
    alert: str
    interval: int
    at: int
    series: list[Series]
    fires: list[dict[str, str]]


def alert_rules() -> list[AlertRule]:
    return [
        AlertRule(rule["alert"], rule["labels"]["severity"], rule["expr"], rule.get("for", "0s"), rule["annotations"], file.name)
        for file, rule in _rules()
        if "alert" in rule
    ]


def recorded() -> dict[str, str]:
    """The names of recording rules, and what they are made of; of several with one name, all."""
    found: dict[str, str] = {}
    for _, rule in _rules():
        if "record" in rule:
            found[rule["record"]] = f"{found.get(rule['record'], '')} {rule['expr']}"
    return found


def cases() -> list[Case]:
    # As promtool reads them: 0x40 is a series of zeros and no number.
    files = [yaml.load(file.read_text(), yaml.BaseLoader) for file in sorted(CASES.glob("*.yml"))]
    return [case for file in files for test in file["tests"] for case in _cases_of(test)]


def seconds(duration: str) -> int:
    return sum(int(number) * _UNITS[unit] for number, unit in re.findall(r"(\d+)([hms])", duration))


def _rules() -> Iterator[tuple[Path, dict[str, Any]]]:
    for file in RULES:
        for group in yaml.safe_load(file.read_text())["groups"]:
            for rule in group["rules"]:
                yield file, rule


def _cases_of(test: dict[str, Any]) -> Iterator[Case]:
    series = [_series(one) for one in test["input_series"]]
    for moment in test["alert_rule_test"]:
        fires = [dict(alert["exp_labels"]) for alert in moment["exp_alerts"]]
        yield Case(test["name"], moment["alertname"], seconds(test["interval"]), seconds(moment["eval_time"]), series, fires)


def _series(written: dict[str, Any]) -> Series:
    found = _SERIES.fullmatch(written["series"])
    assert found, written["series"]
    values: list[float | None] = []
    for part in written["values"].split():
        run = _VALUES.fullmatch(part)
        assert run, part
        # Where nothing is, promtool counts the times alone.
        if run["first"] == "_":
            values += [None] * int(run["times"])
        else:
            values += [float(run["first"]) + float(run["step"] or 0) * number for number in range(int(run["times"]) + 1)]
    return Series(found["name"], dict(_LABEL.findall(found["labels"])), values)
