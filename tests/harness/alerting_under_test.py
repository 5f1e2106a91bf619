"""A real Prometheus with the role's rules and a real Alertmanager with the role's configuration, as processes on this machine."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jinja2
import yaml

from harness.alert_rules import CHECKOUT, RULES
from harness.debian_programs import command, ran
from harness.mail_sink import MailSink, mail_sink
from harness.waiting import eventually
from harness.webhook_sink import WebhookSink, webhook_sink

ROLE = CHECKOUT / "roles" / "observability"
ENVIRONMENT = "test"
_TOKEN, _PASSWORD = "a-bearer-token", "a-mail-password"


@dataclass(frozen=True)
class Alerting:
    prometheus: str
    alertmanager: str
    webhook: WebhookSink
    mail: MailSink

    def firing(self) -> list[dict[str, str]]:
        """The labels of what fires, as `GET /prometheus/api/v1/alerts` tells them."""
        found = _get(f"{self.prometheus}/api/v1/alerts")["data"]["alerts"]
        return [alert["labels"] for alert in found if alert["state"] == "firing"]

    def query(self, expression: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = _get(f"{self.prometheus}/api/v1/query?query={urllib.parse.quote(expression)}")["data"]["result"]
        return found

    def metric_names(self) -> set[str]:
        return set(_get(f"{self.prometheus}/api/v1/label/__name__/values")["data"])

    def told(self, **labels: str) -> list[dict[str, Any]]:
        """What came to the operators' webhook with these labels."""
        return [alert for alert in self.webhook.alerts("/operators") if labels.items() <= alert["labels"].items()]


def alertmanager_configuration(**variables: Any) -> str:
    """The role's template with the role's defaults, and what a test sets differently."""
    templates = jinja2.Environment(loader=jinja2.FileSystemLoader(ROLE / "templates"), trim_blocks=True, undefined=jinja2.StrictUndefined)
    templates.filters |= {"to_json": json.dumps, "bool": bool}
    defaults = {
        name: value
        for name, value in yaml.safe_load((ROLE / "defaults" / "main.yml").read_text()).items()
        if name.startswith(("observability_alert_", "observability_heartbeat_"))
    }
    return templates.get_template("alertmanager.yml.j2").render(ansible_managed="rendered by a test", **defaults | variables)


@contextmanager
def alerting(folder: Path, targets: Mapping[str, str], past: str = "") -> Iterator[Alerting]:
    """`targets` are scraped each second, by job; `past` is put on Prometheus' disk before it starts, in the format of OpenMetrics."""
    with ExitStack() as stack:
        webhook, mail = stack.enter_context(webhook_sink()), stack.enter_context(mail_sink())
        prometheus, alertmanager = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
        _write_alertmanager(folder, webhook, mail)
        stack.enter_context(
            _process(
                folder / "alertmanager.log",
                "prometheus-alertmanager",
                f"--config.file={folder / 'alertmanager.yml'}",
                f"--storage.path={folder / 'alertmanager'}",
                f"--web.listen-address={alertmanager}",
                "--web.route-prefix=/alertmanager",
                "--cluster.listen-address=",
            )
        )
        data = folder / "prometheus"
        if past:
            (folder / "past.txt").write_text(past)
            ran("promtool", "tsdb", "create-blocks-from", "openmetrics", folder / "past.txt", data)
        jobs = {"alertmanager": f"{alertmanager}/alertmanager/metrics", "prometheus": f"{prometheus}/prometheus/metrics", **targets}
        _write_prometheus(folder, alertmanager, jobs)
        stack.enter_context(
            _process(
                folder / "prometheus.log",
                "prometheus",
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={data}",
                f"--web.listen-address={prometheus}",
                "--web.route-prefix=/prometheus",
                # A pending alert that it finds on its disk goes on, however short its `for`.
                "--rules.alert.for-grace-period=0s",
                "--rules.alert.resend-delay=5s",
            )
        )
        found = Alerting(f"http://{prometheus}/prometheus", f"http://{alertmanager}/alertmanager", webhook, mail)
        eventually(lambda: _answers(f"{found.prometheus}/-/ready"), lambda: (folder / "prometheus.log").read_text()[-2000:])
        eventually(lambda: _answers(f"{found.alertmanager}/-/ready"), lambda: (folder / "alertmanager.log").read_text()[-2000:])
        yield found


@contextmanager
def exposed(text: Callable[[], str]) -> Iterator[str]:
    """Something to be scraped; gives its address and path."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = text().encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_port}/metrics"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def node_exporter(log: Path) -> Iterator[str]:
    address = f"127.0.0.1:{free_port()}"
    with _process(log, "prometheus-node-exporter", f"--web.listen-address={address}"):
        eventually(lambda: _answers(f"http://{address}/metrics"), "the node exporter answers")
        yield f"{address}/metrics"


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def _write_alertmanager(folder: Path, webhook: WebhookSink, mail: MailSink) -> None:
    (folder / "bearer").write_text(_TOKEN)
    (folder / "password").write_text(_PASSWORD)
    configuration = alertmanager_configuration(
        observability_alert_webhooks=[webhook.url("/operators")],
        observability_alert_webhook_bearer_file="given",
        observability_heartbeat_webhook=webhook.url("/heartbeat"),
        observability_alert_email={
            "to": "operators@shop.example",
            "from": "alerts@shop.example",
            "smarthost": f"127.0.0.1:{mail.port}",
            "username": "alerts",
            "password_file": "given",
            "require_tls": False,
        },
    )
    # In a container these two are mounted.
    configuration = configuration.replace("/run/secrets/webhook_bearer", str(folder / "bearer"))
    configuration = configuration.replace("/run/secrets/smtp_password", str(folder / "password"))
    (folder / "alertmanager.yml").write_text(configuration)


def _write_prometheus(folder: Path, alertmanager: str, jobs: Mapping[str, str]) -> None:
    configuration = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s", "external_labels": {"environment": ENVIRONMENT}},
        "rule_files": [str(file) for file in RULES],
        "alerting": {"alertmanagers": [{"path_prefix": "/alertmanager", "static_configs": [{"targets": [alertmanager]}]}]},
        "scrape_configs": [
            {
                "job_name": job,
                "honor_labels": True,
                "metrics_path": "/" + place.partition("/")[2],
                "static_configs": [{"targets": [place.partition("/")[0]], "labels": {"environment": ENVIRONMENT}}],
            }
            for job, place in jobs.items()
        ],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration))


@contextmanager
def _process(log: Path, program: str, *arguments: str) -> Iterator[None]:
    with log.open("w") as output, subprocess.Popen([*command(program), *arguments], stdout=output, stderr=output) as process:
        try:
            yield
        finally:
            process.terminate()
            process.wait()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except OSError:
        return False


def _get(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(url, timeout=30) as answer:
        found: dict[str, Any] = json.load(answer)
        return found
