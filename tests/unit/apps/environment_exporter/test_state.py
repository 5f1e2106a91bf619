"""The page of metrics, from files as they lie there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.environment import ledger as real_ledger
from ansible_collections.echobase.platform.plugins.module_utils.traffic.nginx_routes import NginxRoutes
from ansible_collections.echobase.platform.plugins.module_utils.traffic.weights import Weights
from environment_exporter.ledger import EVENTS
from environment_exporter.state import EnvironmentState

RELEASE = "0.1.0-243cf436"
GOLDEN = """\
# HELP echobase_routing_table_readable Whether a worker of the edge could go by the routing table.
# TYPE echobase_routing_table_readable gauge
echobase_routing_table_readable 1
# HELP echobase_traffic_generation The number of the routing table's generation.
# TYPE echobase_traffic_generation gauge
echobase_traffic_generation 2
# HELP echobase_traffic_info What the routing table says, in words.
# TYPE echobase_traffic_info gauge
echobase_traffic_info{generation="2",stable="blue",candidate="green",maintenance="false"} 1
# HELP echobase_traffic_maintenance 1 while customers see the maintenance page.
# TYPE echobase_traffic_maintenance gauge
echobase_traffic_maintenance 0
# HELP echobase_colour_weight_percent The share of the customers; under maintenance, the one that they return to.
# TYPE echobase_colour_weight_percent gauge
echobase_colour_weight_percent{colour="blue"} 80
echobase_colour_weight_percent{colour="green"} 20
# HELP echobase_traffic_switch_undecided 1 while a switch of several edges was cut off before it held for all.
# TYPE echobase_traffic_switch_undecided gauge
echobase_traffic_switch_undecided 0
# HELP echobase_lease_held 1 while a run has the environment for itself, by what it does.
# TYPE echobase_lease_held gauge
echobase_lease_held{operation="canary"} 1
# HELP echobase_lease_since_timestamp_seconds Since when that run has it.
# TYPE echobase_lease_since_timestamp_seconds gauge
echobase_lease_since_timestamp_seconds{operation="canary"} 1772366400
# HELP echobase_restorable_until_timestamp_seconds Up to when the database can be restored for certain.
# TYPE echobase_restorable_until_timestamp_seconds gauge
echobase_restorable_until_timestamp_seconds{engine="mariadb"} 1772362800.500
# HELP echobase_restorable_computed_timestamp_seconds When that was worked out: it was no later than this.
# TYPE echobase_restorable_computed_timestamp_seconds gauge
echobase_restorable_computed_timestamp_seconds{engine="mariadb"} 1772366400
# HELP echobase_backup_newest_timestamp_seconds Of when the newest backup is.
# TYPE echobase_backup_newest_timestamp_seconds gauge
echobase_backup_newest_timestamp_seconds{engine="mariadb"} 1772280000
# HELP echobase_backup_newest_bytes What it takes in the repository.
# TYPE echobase_backup_newest_bytes gauge
echobase_backup_newest_bytes{engine="mariadb"} 4096
# HELP echobase_backup_proved_timestamp_seconds When a backup was last restored and held everything.
# TYPE echobase_backup_proved_timestamp_seconds gauge
echobase_backup_proved_timestamp_seconds{engine="mariadb"} 1772281000
# HELP echobase_backup_due_timestamp_seconds From when on there has to be a backup; missing where nobody wants one.
# TYPE echobase_backup_due_timestamp_seconds gauge
echobase_backup_due_timestamp_seconds{engine="mariadb"} 1772280000
# HELP echobase_backup_problem 1 while something keeps it from being restorable up to now.
# TYPE echobase_backup_problem gauge
echobase_backup_problem{engine="mariadb"} 1
# HELP echobase_operation_running_since_timestamp_seconds Since when it runs; there while it does, and after a run that was killed.
# TYPE echobase_operation_running_since_timestamp_seconds gauge
echobase_operation_running_since_timestamp_seconds{operation="backup",engine="mariadb"} 1772366400
# HELP echobase_operation_runs_total How often it ended so.
# TYPE echobase_operation_runs_total counter
echobase_operation_runs_total{operation="backup",engine="mariadb",outcome="failed"} 1
echobase_operation_runs_total{operation="backup",engine="mariadb",outcome="succeeded"} 7
# HELP echobase_operation_ended_timestamp_seconds When it last ended so.
# TYPE echobase_operation_ended_timestamp_seconds gauge
echobase_operation_ended_timestamp_seconds{operation="backup",engine="mariadb",outcome="failed"} 1772280000
echobase_operation_ended_timestamp_seconds{operation="backup",engine="mariadb",outcome="succeeded"} 1772281000
# HELP echobase_operation_duration_seconds How long it took then.
# TYPE echobase_operation_duration_seconds gauge
echobase_operation_duration_seconds{operation="backup",engine="mariadb",outcome="failed"} 2
echobase_operation_duration_seconds{operation="backup",engine="mariadb",outcome="succeeded"} 12.500
# HELP echobase_image_packages_timestamp_seconds Of which day the distribution's packages are in the image that a container was made of.
# TYPE echobase_image_packages_timestamp_seconds gauge
echobase_image_packages_timestamp_seconds{image="backend"} 1772323200
# HELP echobase_state_unreadable 1 for a file that is damaged or closed: what it says is missing.
# TYPE echobase_state_unreadable gauge
echobase_state_unreadable{file="lease.json"} 0
echobase_state_unreadable{file="metrics/operation-backup-mariadb.json"} 0
echobase_state_unreadable{file="metrics/packages.json"} 0
echobase_state_unreadable{file="metrics/restorable-mariadb.json"} 0
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    routes = NginxRoutes(tmp_path / "routes")
    for weights in (Weights(100, 0), Weights(80, 20)):
        routes.commit(routes.prepare(weights))
    lay(tmp_path, "lease.json", run="a1b2", operation="canary", since="2026-03-01T12:00:00+00:00")
    lay(
        tmp_path,
        "restorable-mariadb.json",
        engine="mariadb",
        computed_at="2026-03-01T12:00:00+00:00",
        as_of="2026-03-01T11:00:00.500+00:00",
        proved_by="20260228-120000F",
        proved_at="2026-02-28T12:16:40+00:00",
        problem="the log has a gap",
        newest="2026-02-28T12:00:00+00:00",
        newest_bytes=4096,
        due="2026-02-28T12:00:00+00:00",
    )
    last = {
        "failed": {"count": 1, "ended": "2026-02-28T12:00:00+00:00", "seconds": 2.0},
        "succeeded": {"count": 7, "ended": "2026-02-28T12:16:40+00:00", "seconds": 12.5},
    }
    since = "2026-03-01T12:00:00+00:00"
    lay(tmp_path, "operation-backup-mariadb.json", operation="backup", engine="mariadb", running_since=since, last=last)
    lay(tmp_path, "packages.json", images={"backend": "2026-03-01"})
    return tmp_path


def lay(folder: Path, name: str, **content: Any) -> None:
    (folder / "metrics").mkdir(exist_ok=True)
    (folder / "metrics" / name).write_text(json.dumps(content))


def test_the_page_is_as_prometheus_reads_it(folder: Path) -> None:
    assert EnvironmentState(folder).render() == GOLDEN


def test_an_environment_that_is_not_set_up_has_no_metrics_and_no_trouble(tmp_path: Path) -> None:
    assert EnvironmentState(tmp_path).render() == ""


DAMAGES = ("", "{", "[]", "null", "{}", '{"engine": 7}', "\x00\xff", '{"run": "a", "operation": "b", "since": "yesterday"}')


# The metrics that come from each file.
OF_FILE = {
    "lease.json": ("lease",),
    "restorable-mariadb.json": ("restorable", "backup"),
    "operation-backup-mariadb.json": ("operation",),
    "packages.json": ("image_packages",),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", OF_FILE)
def test_a_damaged_file_is_told_and_all_others_are_served(folder: Path, name: str, damage: str) -> None:
    state = EnvironmentState(folder)
    whole = state.render()
    (folder / "metrics" / name).write_text(damage, encoding="latin-1")
    shown = name if name == "lease.json" else f"metrics/{name}"
    page = state.render()
    assert f'echobase_state_unreadable{{file="{shown}"}} 1\n' in page
    lost = set(whole.splitlines()) - set(page.splitlines())
    assert f'echobase_state_unreadable{{file="{shown}"}} 0' in lost
    assert all(_name(line).startswith((*OF_FILE[name], "state")) for line in lost)


def _name(line: str) -> str:
    """Gives the metric that a line is about."""
    return line.split()[2 if line.startswith("#") else 0].removeprefix("echobase_")


def test_a_file_that_is_whole_again_is_served_again(folder: Path) -> None:
    state = EnvironmentState(folder)
    file = folder / "metrics" / "packages.json"
    content = file.read_text()
    file.write_text("{")
    assert 'packages.json"} 1' in state.render()
    file.write_text(content)
    assert state.render() == GOLDEN


def test_an_engine_that_went_is_forgotten(folder: Path) -> None:
    state = EnvironmentState(folder)
    state.render()
    (folder / "metrics" / "restorable-mariadb.json").unlink()
    assert "restorable" not in state.render()


def test_a_free_environment_has_no_lease(folder: Path) -> None:
    lay(folder, "lease.json", run="", operation="", since="")
    page = EnvironmentState(folder).render()
    assert 'echobase_lease_held{operation=""} 0\n' in page
    assert "lease_since" not in page


def test_the_events_are_those_of_the_ledger() -> None:
    assert EVENTS == real_ledger.EVENTS
