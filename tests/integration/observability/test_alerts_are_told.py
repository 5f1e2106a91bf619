"""Who is told of alerts, as the role sets it up: from the container, by TLS, with a token and a login."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.mail_sink import MailSink, mail_sink
from harness.observability_under_test import ObservabilityUnderTest, printed
from harness.throwaway_tls import make_certificates
from harness.waiting import eventually
from harness.webhook_sink import WebhookSink, webhook_sink

pytestmark = pytest.mark.long

ALERT: dict[str, Any] = {
    "labels": {"alertname": "PlantedAlert", "severity": "page", "environment": "test", "colour": "green", "release": "1.1.0-b"},
    "annotations": {"summary": "Planted by a test", "runbook": "docs/runbooks/requests-fail.md"},
}


@dataclass
class Operators:
    webhook: WebhookSink
    mail: MailSink
    options: dict[str, Any]


@pytest.fixture(scope="module")
def operators(watched: ObservabilityUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operators]:
    """They listen where Alertmanager's container reaches this machine."""
    folder = tmp_path_factory.mktemp("operators")
    address = watched.env.observability_gateway
    make_certificates(folder / "tls", [], address)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(folder / "tls" / "edge" / "tls.crt", folder / "tls" / "edge" / "tls.key")
    with webhook_sink(address, tls) as webhook, mail_sink(address, tls) as mail:
        options: dict[str, Any] = {
            "observability_alert_webhooks": [webhook.url("/operators")],
            "observability_alert_webhook_bearer_file": _closed(folder / "bearer", "a-bearer-token"),
            "observability_alert_email": {
                "to": "operators@shop.example",
                "from": "alerts@shop.example",
                "smarthost": f"{address}:{mail.port}",
                "username": "alerts",
                "password_file": _closed(folder / "password", "a-mail-password"),
            },
            "observability_heartbeat_webhook": webhook.url("/heartbeat"),
            "observability_alert_authority": str(folder / "tls" / "ca.crt"),
        }
        try:
            run = watched.run(**options)
            assert (run.changed, run.failed) == (1, 0), run.output
            yield Operators(webhook, mail, options)
        finally:
            run = watched.run()
            assert not run.failed, run.output


def test_a_second_run_changes_nothing(watched: ObservabilityUnderTest, operators: Operators) -> None:
    assert watched.run(**operators.options).changed == 0


def test_an_alert_arrives_at_the_webhook_and_by_mail(watched: ObservabilityUnderTest, operators: Operators) -> None:
    assert watched.post("alertmanager", "/api/v2/alerts", [ALERT]).is_success

    def log() -> str:
        return printed(watched.container("alertmanager"), 20)

    def told() -> bool:
        return any(one["labels"]["alertname"] == "PlantedAlert" for one in operators.webhook.alerts("/operators"))

    eventually(told, log, 40)
    assert {one["Authorization"] for one in operators.webhook.headers("/operators")} == {"Bearer a-bearer-token"}
    [mail] = eventually(lambda: [text for text in operators.mail.texts() if "Planted by a test" in text], log, 40)
    assert "firing, page: Planted by a test" in mail and "green 1.1.0-b" in mail and "docs/runbooks/requests-fail.md" in mail
    assert ("alerts", "a-mail-password") in operators.mail.logins


def test_the_heartbeat_of_the_real_prometheus_comes(operators: Operators) -> None:
    eventually(lambda: operators.webhook.alerts("/heartbeat"), "the heartbeat comes", 90)
    assert {one["labels"]["alertname"] for one in operators.webhook.alerts("/heartbeat")} == {"Watchdog"}
    assert {one["labels"]["environment"] for one in operators.webhook.alerts("/heartbeat")} == {"test"}


def test_a_token_that_was_changed_is_used_after_the_next_run(watched: ObservabilityUnderTest, operators: Operators) -> None:
    _closed(Path(str(operators.options["observability_alert_webhook_bearer_file"])), "another-token")
    assert watched.run(**operators.options).changed == 1
    again = {**ALERT, "labels": {**ALERT["labels"], "alertname": "PlantedAgain"}}
    assert watched.post("alertmanager", "/api/v2/alerts", [again]).is_success
    eventually(
        lambda: "Bearer another-token" in {one["Authorization"] for one in operators.webhook.headers("/operators")}, "it is used", 40
    )


def _closed(path: Path, secret: str) -> str:
    """A file of which user 10002 reads what is in it, and others do not. A new one takes the old one's place, as editors do it."""
    new = path.with_suffix(".new")
    new.write_text(secret)
    os.chown(new, 0, 10002)
    new.chmod(0o640)
    new.replace(path)
    return str(path)
