"""Every alert, in a real Prometheus with the role's own rules, reaches a real receiver through a real Alertmanager.

What makes each one fire are the cases of tests/unit/alerts: their past is on Prometheus' disk, their present is scraped.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.alert_rules import alert_rules
from harness.alert_scene import AlertScene, PlayedCase
from harness.alerting_under_test import Alerting, alerting, exposed
from harness.waiting import eventually

SCENE = AlertScene.of_all_alerts()
EXPECTED = [(one, fired) for one in SCENE.played for fired in one.case.fires]
# These look at hours, by rules that are asked every two minutes.
OVER_HOURS = [(rule.name, rule.severity) for rule in alert_rules() if "ratio_rate1d" in rule.expression]


def is_inhibited(one: PlayedCase, fired: dict[str, str]) -> bool:
    return fired["severity"] == "ticket" and {**fired, "severity": "page"} in one.case.fires


def expected(*, over_hours: bool, inhibited: bool = False) -> list[object]:
    return [
        pytest.param(one, fired, id=f"{one.case.alert}-{fired['severity']}-{one.environment}")
        for one, fired in EXPECTED
        if ((one.case.alert, fired["severity"]) in OVER_HOURS) == over_hours and is_inhibited(one, fired) == inhibited
    ]


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alerting]:
    with exposed(SCENE.present) as scene, alerting(tmp_path_factory.mktemp("alerting"), {"scene": scene}, SCENE.past()) as found:
        yield found


def test_the_scene_has_every_alert_in_every_severity() -> None:
    found = {(one.case.alert, fired["severity"]) for one, fired in EXPECTED if not is_inhibited(one, fired)}
    assert {(rule.name, rule.severity) for rule in alert_rules()} - found == {("Watchdog", "none")}


def arrives(watched: Alerting, one: PlayedCase, fired: dict[str, str], patience: float) -> None:
    labels = {"alertname": one.case.alert, **one.labels(fired)}
    told = eventually(lambda: watched.told(**labels), lambda: f"{labels} arrives; {nearly(watched, labels)}", patience)
    assert {alert["status"] for alert in told} == {"firing"}
    assert told[0]["labels"] == labels
    assert told[0]["annotations"]["summary"]


def nearly(watched: Alerting, labels: dict[str, str]) -> str:
    same = [alert for alert in watched.firing() if alert["alertname"] == labels["alertname"]]
    return f"Prometheus fires {same}; Alertmanager told {watched.told(alertname=labels['alertname'])}"


@pytest.mark.parametrize(("one", "fired"), expected(over_hours=False))
def test_an_alert_arrives_with_all_its_labels(watched: Alerting, one: PlayedCase, fired: dict[str, str]) -> None:
    arrives(watched, one, fired, 60)


@pytest.mark.long
@pytest.mark.parametrize(("one", "fired"), expected(over_hours=True))
def test_an_alert_over_hours_arrives_with_all_its_labels(watched: Alerting, one: PlayedCase, fired: dict[str, str]) -> None:
    arrives(watched, one, fired, 180)


def test_the_heartbeat_comes_to_its_own_address_only(watched: Alerting) -> None:
    eventually(lambda: watched.webhook.alerts("/heartbeat"), "the heartbeat comes")
    assert {alert["labels"]["alertname"] for alert in watched.webhook.alerts("/heartbeat")} == {"Watchdog"}
    assert not watched.told(alertname="Watchdog")


def test_a_webhook_gets_the_bearer_token(watched: Alerting) -> None:
    headers = eventually(lambda: watched.webhook.headers("/operators"), "an alert arrives")
    assert {one["Authorization"] for one in headers} == {"Bearer a-bearer-token"}


def test_a_mail_says_what_is_wrong_and_what_to_do(watched: Alerting) -> None:
    mails = eventually(
        lambda: [text for text in watched.mail.texts() if "requests in case" in text and "candidate" in text], "a mail comes"
    )
    assert "firing, page: The candidate green (1.1.0-b) fails" in mails[0]
    assert "green 1.1.0-b generation 8" in mails[0]
    assert "docs/runbooks/candidate-fails.md" in mails[0]
    assert ("alerts", "a-mail-password") in watched.mail.logins


def test_no_rule_fails_while_all_of_them_work(watched: Alerting) -> None:
    """Two series where one was expected would silence a whole rule."""
    failures = watched.query('sum by (rule_group) (prometheus_rule_evaluation_failures_total{job="prometheus",environment="test"}) > 0')
    assert failures == []
