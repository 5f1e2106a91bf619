"""The cases of the alerts' tests, played to a real Prometheus: their past as blocks on its disk, their present by scraping.

Each case has an environment of its own, so that all of them can be played at once.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from harness.alert_rules import AlertRule, Case, Series, alert_rules, cases, seconds

_RATHER_OFTEN = 15


@dataclass(frozen=True)
class PlayedCase:
    case: Case
    environment: str

    def labels(self, labels: Mapping[str, str]) -> dict[str, str]:
        return {**labels, "environment": self.environment} if "environment" in labels else dict(labels)


@dataclass(frozen=True)
class AlertScene:
    played: list[PlayedCase]
    # The moment at which every case is where its test asks.
    now: float

    @classmethod
    def of_all_alerts(cls) -> AlertScene:
        """For each alert and severity one case: the longest of those in which no other severity fires, if there are such."""
        chosen: list[Case] = []
        for rule in alert_rules():
            fitting = [case for case in cases() if case.alert == rule.name and _fires(case, rule) and case.series]
            fitting.sort(key=lambda case: (any(fired["severity"] != rule.severity for fired in case.fires), -case.at))
            if fitting and fitting[0] not in chosen:
                chosen.append(fitting[0])
        return cls([PlayedCase(case, f"case-{number}") for number, case in enumerate(chosen)], time.time())

    def past(self) -> str:
        """In the format of OpenMetrics, with what Prometheus itself remembers of alerts that are pending: it goes on from there."""
        found: dict[str, list[str]] = defaultdict(list)
        for one in self.played:
            for series in one.case.series:
                for moment in _moments(one.case, self.now):
                    self._add(found, one, series, moment)
        holds = {(rule.name, rule.severity): seconds(rule.hold) for rule in alert_rules()}
        for one in self.played:
            for fired in one.case.fires:
                began = self.now - holds[one.case.alert, fired["severity"]] - 60
                labels = _shown({"alertname": one.case.alert, **one.labels(fired)})
                for moment in range(int(self.now) - 120, int(self.now), _RATHER_OFTEN):
                    found["ALERTS_FOR_STATE"].append(f"ALERTS_FOR_STATE{labels} {began} {moment}")
        lines = [line for name, samples in found.items() for line in (f"# TYPE {name} unknown", *samples)]
        return "\n".join([*lines, "# EOF", ""])

    def present(self) -> str:
        """What a scrape at this moment finds."""
        found: dict[str, list[str]] = defaultdict(list)
        moment = time.time()
        for one in self.played:
            for series in one.case.series:
                self._add(found, one, series, moment, with_time=False)
        return "".join(f"{sample}\n" for samples in found.values() for sample in samples)

    def _add(self, found: dict[str, list[str]], one: PlayedCase, series: Series, moment: float, *, with_time: bool = True) -> None:
        goes_on = len(series.values) * one.case.interval > one.case.at
        value = _value(series, (moment - self.now + one.case.at) / one.case.interval, goes_on)
        if value is None:
            return
        # In a test the clock begins with 0.
        value += self.now - one.case.at if series.name.endswith("_timestamp_seconds") else 0
        found[series.name].append(f"{series.name}{_shown(one.labels(series.labels))} {value}{f' {moment:.3f}' if with_time else ''}")


def _fires(case: Case, rule: AlertRule) -> bool:
    return any(fired["severity"] == rule.severity and "environment" in fired for fired in case.fires)


def _moments(case: Case, now: float) -> Iterator[float]:
    step = min(case.interval, 60) if case.at < 6 * 3600 else case.interval
    # The last one is so young that Prometheus sees it when it starts.
    yield from (now - case.at + offset for offset in (*range(0, case.at - 1, step), case.at - 1))


def _value(series: Series, position: float, goes_on: bool) -> float | None:
    """Between two samples a line; after the last one it goes on as it did before, unless it ended before the moment that matters."""
    before = int(position)
    if before < len(series.values) - 1:
        first, second = series.values[before], series.values[before + 1]
        if first is None or second is None:
            return first
        return first + (second - first) * (position - before)
    if position > len(series.values) and not goes_on:
        return None
    last, one_before = series.values[-1], series.values[-2]
    if last is None or one_before is None:
        return last
    return last + (last - one_before) * (position - len(series.values) + 1)


def _shown(labels: Mapping[str, str]) -> str:
    written = ",".join(f'{name}="{value}"' for name, value in sorted(labels.items()))
    return f"{{{written}}}"
