"""Alertmanager accepts the role's configuration whatever is set in the inventory, and sends each alert to whom it is for."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.alert_rules import alert_rules
from harness.alerting_under_test import alertmanager_configuration
from harness.debian_programs import ran

WEBHOOKS = {"observability_alert_webhooks": ["https://one.example/hook", "https://two.example/hook?key=a'b\"c"]}
BEARER = {"observability_alert_webhook_bearer_file": "/etc/token"}
MAIL = {"observability_alert_email": {"to": "a@shop.example", "from": "b@shop.example", "smarthost": "mail.shop.example:587"}}
LOGIN = {"observability_alert_email": {**MAIL["observability_alert_email"], "username": "alerts", "password_file": "/etc/password"}}
HEARTBEAT = {"observability_heartbeat_webhook": "https://beat.example/shop"}
EVERYTHING = WEBHOOKS | BEARER | LOGIN | HEARTBEAT


def configured(folder: Path, **variables: Any) -> Path:
    file = folder / "alertmanager.yml"
    file.write_text(alertmanager_configuration(**variables))
    return file


def receiver_of(file: Path, **labels: str) -> str:
    return ran(
        "amtool", "config", "routes", "test", f"--config.file={file}", *(f"{name}={value}" for name, value in labels.items())
    ).strip()


@pytest.mark.parametrize(
    ("webhook", "mail", "heartbeat"), [*itertools.product(({}, WEBHOOKS, WEBHOOKS | BEARER), ({}, MAIL, LOGIN), ({}, HEARTBEAT))]
)
def test_alertmanager_accepts_it(tmp_path: Path, webhook: dict[str, Any], mail: dict[str, Any], heartbeat: dict[str, Any]) -> None:
    ran("amtool", "check-config", configured(tmp_path, **webhook, **mail, **heartbeat))


def test_alertmanager_accepts_an_authority_of_ones_own(tmp_path: Path) -> None:
    for others in ({}, EVERYTHING, WEBHOOKS):
        ran("amtool", "check-config", configured(tmp_path, observability_alert_authority="/etc/authority.pem", **others))
    told = yaml.safe_load(configured(tmp_path, observability_alert_authority="/etc/authority.pem", **EVERYTHING).read_text())
    trust = {"ca_file": "/run/secrets/alert_authority"}
    _, operators, heartbeat = told["receivers"]
    assert [one["http_config"]["tls_config"] for one in (*operators["webhook_configs"], *heartbeat["webhook_configs"])] == [trust] * 3
    assert operators["email_configs"][0]["tls_config"] == trust


@pytest.mark.parametrize(
    ("alert", "receiver"),
    [
        ({"alertname": "RequestsFail", "severity": "page"}, "operators"),
        ({"alertname": "DiskFills", "severity": "ticket"}, "operators"),
        ({"alertname": "Watchdog", "severity": "none"}, "heartbeat"),
    ],
)
def test_each_alert_goes_to_whom_it_is_for(tmp_path: Path, alert: dict[str, str], receiver: str) -> None:
    assert receiver_of(configured(tmp_path, **EVERYTHING), **alert) == receiver
    assert receiver_of(configured(tmp_path), **alert) == "nobody"


def test_nobody_is_told_of_the_watchdog_without_a_heartbeat(tmp_path: Path) -> None:
    assert receiver_of(configured(tmp_path, **WEBHOOKS), alertname="Watchdog", severity="none") == "nobody"


def test_whatever_is_inhibited_is_an_alert() -> None:
    """A name that was changed in the rules alone would inhibit nothing."""
    written = yaml.safe_load(alertmanager_configuration())
    matchers = [matcher for rule in written["inhibit_rules"] for matcher in (*rule["source_matchers"], *rule["target_matchers"])]
    named = {name for matcher in matchers if matcher.startswith("alertname") for name in matcher.split('"')[1].split("|")}
    assert named - {alert.name for alert in alert_rules()} == set()
    assert named
