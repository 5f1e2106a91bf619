"""The environment exporter over HTTPS, on what the real modules write: a routing table, the ledger, the lease, certificates."""

from __future__ import annotations

import socket
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.credentials.certificates import Certificates
from ansible_collections.echobase.platform.plugins.module_utils.environment.ledger import Ledger, new_entry
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment, environment
from ansible_collections.echobase.platform.plugins.module_utils.host.process_identity import ProcessIdentity
from ansible_collections.echobase.platform.plugins.module_utils.lease.lease import Lease
from ansible_collections.echobase.platform.plugins.module_utils.lease.release_lease import ReleaseLease
from ansible_collections.echobase.platform.plugins.module_utils.traffic.nginx_routes import NginxRoutes
from ansible_collections.echobase.platform.plugins.module_utils.traffic.weights import Weights
from harness.environment_exporter import ExporterUnderTest, environment_exporter

DAY = 86400
RELEASE = "0.1.0-243cf436"


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    env = environment("test", str(tmp_path_factory.mktemp("exporter")))
    Path(env.home).mkdir(mode=0o700)
    Certificates.of_environment(env).present(check=False)
    return env


@pytest.fixture(scope="module")
def exporter(env: Environment) -> Iterator[ExporterUnderTest]:
    with environment_exporter(Path(env.home)) as under_test:
        yield under_test


def test_a_release_is_seen_as_it_happens(env: Environment, exporter: ExporterUnderTest) -> None:
    routes, ledger, lease = NginxRoutes(env.path("routes")), Ledger(Path(env.path("ledger.jsonl"))), ReleaseLease(env)
    taken = lease.take(Lease(run="a1b2c3", owner="anna", operation="deploy", process=ProcessIdentity.of(1)))
    assert exporter.samples()['lease_held{operation="deploy"}'] == 1
    ledger.append(new_entry("deployed", "blue", RELEASE, {}, lease=taken.number))
    routes.commit(routes.prepare(Weights(100, 0)), taken.number)
    ledger.append(new_entry("promoted", "blue", RELEASE, {}, lease=taken.number))
    lease.give_back(taken.number, "a1b2c3")

    seen = exporter.samples()
    assert seen['lease_held{operation=""}'] == 0
    assert (seen["routing_table_readable"], seen["traffic_generation"]) == (1, 1)
    assert seen['colour_weight_percent{colour="blue"}'] == 100
    assert seen[f'colour_info{{colour="blue",release="{RELEASE}",version="0.1.0"}}'] == 1
    assert abs(seen[f'release_event_timestamp_seconds{{event="promoted",colour="blue",release="{RELEASE}"}}'] - time.time()) < DAY
    assert not any(value for name, value in seen.items() if name.startswith("state_unreadable"))

    routes.commit(routes.prepare(Weights(90, 10)))
    assert exporter.samples()['traffic_info{generation="2",stable="blue",candidate="green",maintenance="false"}'] == 1


def test_every_certificate_has_its_end(env: Environment, exporter: ExporterUnderTest) -> None:
    left = {name: value - time.time() for name, value in exporter.samples().items() if name.startswith("certificate_expiry")}
    names = {*(folder.name for folder in Path(env.path("tls")).iterdir() if folder.is_dir()), "ca"}
    assert set(left) == {f'certificate_expiry_timestamp_seconds{{certificate="{name}"}}' for name in names}
    assert all(390 * DAY < seconds < 3700 * DAY for seconds in left.values())


def test_damaged_files_cost_only_what_they_say(env: Environment, exporter: ExporterUnderTest) -> None:
    certificate = Path(env.path("tls", "edge", "tls.crt"))
    whole = certificate.read_bytes()
    certificate.write_bytes(b"none")
    seen = exporter.samples()
    certificate.write_bytes(whole)
    assert seen['state_unreadable{file="tls/edge/tls.crt"}'] == 1
    assert seen["routing_table_readable"] == 1
    assert 'certificate_expiry_timestamp_seconds{certificate="edge"}' not in seen
    assert exporter.samples()['state_unreadable{file="tls/edge/tls.crt"}'] == 0


def test_it_is_healthy_and_a_scrape_is_cheap(exporter: ExporterUnderTest) -> None:
    assert exporter.is_healthy()
    took = []
    for _ in range(5):
        began = time.perf_counter()
        exporter.samples()
        took.append(time.perf_counter() - began)
    assert min(took) < 0.05


def test_another_user_can_read_all_that_is_mounted_and_no_key(env: Environment, exporter: ExporterUnderTest) -> None:
    mounted = [file for folder in ("routes", "metrics", "tls") for file in Path(env.path(folder)).rglob("*")]
    closed = {file.name for file in mounted if not file.is_symlink() and not stat.S_IMODE(file.stat().st_mode) & 0o004}
    assert closed == {"ca.key", "tls.key", ".lock"}


def test_a_caller_that_says_nothing_keeps_nobody_waiting(exporter: ExporterUnderTest) -> None:
    with socket.create_connection(("127.0.0.1", int(exporter.environment["PORT"]))):
        assert exporter.samples()
