"""Alerts from their real causes: what breaks is real, and so is all between it and the message.

The edge's log, the routing table and a certificate are written and read by the product's own code, the disk is the kernel's; Prometheus,
the exporter of the machine and Alertmanager are Debian's.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.credentials.certificates import LEAF_DAYS, Certificates, wanted_leaves
from ansible_collections.echobase.platform.plugins.module_utils.environment.ledger import Ledger, new_entry
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment, environment
from ansible_collections.echobase.platform.plugins.module_utils.traffic.nginx_routes import NginxRoutes
from ansible_collections.echobase.platform.plugins.module_utils.traffic.weights import Weights
from environment_exporter.state import EnvironmentState
from harness.alerting_under_test import Alerting, alerting, exposed, free_port, node_exporter
from harness.small_disk import small_disk
from harness.waiting import eventually
from operators_desk.edge_metrics import EdgeMetrics

RELEASES = {"blue": "1.0.0-243cf436", "green": "1.1.0-98ab12cd"}


@dataclass(frozen=True)
class Shop:
    env: Environment
    routes: NginxRoutes
    log: Path

    def answer(self, colour: str, status: int, *, replayed_from: str = "") -> None:
        """A line of the edge's log."""
        entry = {"entrance": "public", "colour": colour, "status": status, "seconds": 0.01, "error": "", "replayed_from": replayed_from}
        with self.log.open("a") as log:
            log.write(json.dumps(entry | {"path": "/", "upstream_seconds": "0.009"}) + "\n")

    def break_table(self) -> Path:
        """Somebody replaces the link by a copy that leads nowhere; gives where the true one is kept."""
        kept = Path(self.env.path("current-kept"))
        Path(self.env.path("routes", "current")).rename(kept)
        return kept

    def repair_table(self, kept: Path) -> None:
        kept.rename(self.env.path("routes", "current"))


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    env = environment("test", str(tmp_path_factory.mktemp("shop")))
    Path(env.home).mkdir()
    # Issued so long ago that it has two days left.
    issued = datetime.now(UTC) - timedelta(days=LEAF_DAYS - 2)
    networks = (env.durable_network.subnet, env.edge_network.subnet)
    Certificates(Path(env.path("tls")), "echobase test", wanted_leaves(env), issued, networks=networks).present(check=False)
    ledger, routes = Ledger(Path(env.path("ledger.jsonl"))), NginxRoutes(env.path("routes"))
    for colour, release in RELEASES.items():
        ledger.append(new_entry("deployed", colour, release, {}))
    routes.commit(routes.prepare(Weights(100, 0)))
    routes.commit(routes.prepare(Weights(90, 10)))
    log = Path(env.path("edge-log")) / "access.log"
    log.parent.mkdir()
    log.touch()
    return Shop(env, routes, log)


@pytest.fixture(scope="module")
def watched(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alerting]:
    folder = tmp_path_factory.mktemp("alerting")
    state, counted = EnvironmentState(Path(shop.env.home)), EdgeMetrics(shop.log)
    counted.start()
    try:
        with (
            exposed(lambda: state.render() + counted.render()) as page,
            node_exporter(folder / "node-exporter.log") as host,
            alerting(folder, {"environment": page, "host": host, "collector": f"127.0.0.1:{free_port()}/metrics"}) as found,
        ):
            yield found
    finally:
        counted.stop()


@contextmanager
def customers(shop: Shop) -> Iterator[None]:
    """Blue fails every fourth of them, and green what blue has to answer in its place."""
    gone = Event()

    def come() -> None:
        number = 0
        while not gone.wait(0.05):
            number += 1
            shop.answer("blue", 500 if number % 4 == 0 else 200)
            shop.answer("blue", 200, replayed_from="green" if number % 2 == 0 else "")

    thread = Thread(target=come)
    thread.start()
    try:
        yield
    finally:
        gone.set()
        thread.join()


def statuses(watched: Alerting, name: str) -> list[str]:
    return [alert["status"] for alert in watched.told(alertname=name)]


def test_a_broken_routing_table_is_told_within_seconds(shop: Shop, watched: Alerting) -> None:
    eventually(lambda: watched.query("echobase_routing_table_readable == 1"), "the table is watched")
    kept = shop.break_table()
    try:
        told = eventually(lambda: watched.told(alertname="RoutingTableUnreadable"), "it is told", 30)
    finally:
        shop.repair_table(kept)
    assert told[0]["labels"]["environment"] == "test"
    assert told[0]["labels"]["severity"] == "page"


def test_a_certificate_that_nobody_renewed_is_told(watched: Alerting) -> None:
    told = eventually(lambda: watched.told(alertname="CertificateExpiresSoon", severity="page", certificate="edge"), "it is told", 30)
    assert "expires in 1d 23h" in told[0]["annotations"]["summary"]


@pytest.mark.long
def test_a_colour_and_a_candidate_that_fail_are_told_with_release_and_generation(shop: Shop, watched: Alerting) -> None:
    with customers(shop):
        [blue, *_] = eventually(lambda: watched.told(alertname="ColourFails"), "the live colour is told", 120)
        [green, *_] = eventually(lambda: watched.told(alertname="CandidateFails"), "the candidate is told", 120)
    for alert, colour in ((blue, "blue"), (green, "green")):
        assert {name: alert["labels"][name] for name in ("environment", "colour", "release", "generation")} == {
            "environment": "test",
            "colour": colour,
            "release": RELEASES[colour],
            "generation": "2",
        }


@pytest.mark.long
def test_a_full_disk_is_told_by_its_name(watched: Alerting, tmp_path: Path) -> None:
    with small_disk(tmp_path) as disk:
        disk.fill_by(0.97)
        told = eventually(lambda: watched.told(alertname="DiskFull", severity="page", mountpoint=str(disk.folder)), "it is told", 150)
    assert told[0]["labels"]["fstype"] == "ext4"


@pytest.mark.long
def test_a_collector_that_does_not_answer_is_told(watched: Alerting) -> None:
    assert eventually(lambda: watched.told(alertname="CollectorDown", severity="ticket"), "it is told", 150)


@pytest.mark.long
def test_what_is_over_is_told_too(shop: Shop, watched: Alerting) -> None:
    """Of this broken table, or of one that a test before this one has repaired."""
    kept = shop.break_table()
    try:
        eventually(lambda: watched.told(alertname="RoutingTableUnreadable"), "it is told", 60)
    finally:
        shop.repair_table(kept)
    eventually(lambda: "resolved" in statuses(watched, "RoutingTableUnreadable"), "its end is told", 180)
    assert statuses(watched, "RoutingTableUnreadable")[0] == "firing"


@pytest.mark.long
def test_a_receiver_that_refuses_is_noticed_and_told_of_it_later(shop: Shop, watched: Alerting) -> None:
    watched.webhook.status = 400
    kept = shop.break_table()
    try:
        eventually(lambda: "NotificationsFail" in {alert["alertname"] for alert in watched.firing()}, "it fires", 240)
    finally:
        watched.webhook.status = 200
        shop.repair_table(kept)
    told = eventually(lambda: watched.told(alertname="NotificationsFail"), "it is told once somebody listens", 180)
    assert told[0]["labels"]["integration"] == "webhook"
