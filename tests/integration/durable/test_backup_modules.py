"""The modules of backup and restore as a user of Ansible has them, in environment test with a throw-away state folder."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from docker import DockerClient

from ansible_collections.echobase.platform.plugins.module_utils.containers.client import ENVIRONMENT_LABEL
from ansible_collections.echobase.platform.plugins.module_utils.database.console import ServerConsole
from ansible_collections.echobase.platform.plugins.module_utils.engines.registry import engine_named
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import environment
from harness.application_under_test import store_definition
from harness.images_under_test import image_tag
from harness.module_runner import run_module

ENGINE = "postgresql"
PREFIX = "10.242"


@pytest.fixture(scope="module")
def arguments(tmp_path_factory: pytest.TempPathFactory, engine_client: DockerClient) -> Iterator[dict[str, Any]]:
    """A database of environment test that runs; the modules share these arguments."""
    place = {"environment": "test", "home": str(tmp_path_factory.mktemp("home"))}
    common = place | {"network_prefix": PREFIX}
    fingerprint = done("environment_secrets", place)["key_fingerprint"]
    done("certificates", common)
    store_definition(environment("test", place["home"]))
    done("networks", {"environment": "test", "network_prefix": PREFIX})
    server = {"engine": ENGINE, "image": image_tag("postgres"), "memory": "512m", "encryption_at_rest": "off"}
    try:
        done("durable_db", common | server | {"key_fingerprint": fingerprint})
        yield common | {"engine": ENGINE}
    finally:
        names = environment("test", "", PREFIX).server(ENGINE)
        for container in engine_client.containers.list(all=True, filters={"label": f"{ENVIRONMENT_LABEL}=test"}):
            if container.name.startswith(names.container):
                container.remove(force=True, v=True)
        engine_client.api.remove_volume(names.volume, force=True)
        run_module("networks", {"environment": "test", "network_prefix": PREFIX, "state": "absent"})


def done(module: str, arguments: dict[str, Any], check: bool = False) -> dict[str, Any]:
    answer = run_module(module, arguments, check=check)
    assert "failed" not in answer, answer["msg"]
    return answer


def published(arguments: dict[str, Any], what: str) -> dict[str, Any]:
    """What whoever watches the environment sees of it."""
    content: dict[str, Any] = json.loads(Path(arguments["home"], "test", "metrics", f"{what}-{ENGINE}.json").read_text())
    return content


def test_preparing_twice_changes_nothing(arguments: dict[str, Any]) -> None:
    prepare = arguments | {"take": "none", "verify": False, "expire": False}
    assert done("durable_db_backup", prepare, check=True)["changed"] is True
    assert done("durable_db_backup", prepare)["changed"] is True
    assert published(arguments, "restorable")["problem"].startswith("no backup was restored yet")
    assert done("durable_db_backup", prepare, check=True)["changed"] is False
    assert done("durable_db_backup", prepare)["changed"] is False


def test_a_backup_is_taken_proved_and_listed(arguments: dict[str, Any]) -> None:
    before = done("durable_db_backup_info", arguments)
    assert (before["backups"], before["restorable_as_of"]) == ([], "")
    foretold = done("durable_db_backup", arguments, check=True)
    assert (foretold["changed"], foretold["kind"]) == (True, "full")
    assert done("durable_db_backup_info", arguments)["backups"] == []

    taken = done("durable_db_backup", arguments)
    found = done("durable_db_backup_info", arguments | {"check_repository": True})
    assert [backup["name"] for backup in found["backups"]] == [taken["backup"]] == [taken["proved_by"]]
    assert found["backups"][0]["verified"]
    assert found["restorable"].startswith("restorable as of ")
    assert found["problems"] == []
    # Once the server wrote something by itself only what is in the log counts, and that was so at the mark.
    marked = datetime.strptime(taken["mark"].split("-")[1], "%Y%m%dT%H%M%S.%f").replace(tzinfo=UTC)
    assert marked <= datetime.fromisoformat(published(arguments, "restorable")["as_of"]) + timedelta(milliseconds=1)
    assert taken["restorable_as_of"][:19] >= f"{marked:%Y-%m-%dT%H:%M:%S}"
    # Check mode looks, and lays nothing down.
    laid = published(arguments, "restorable")
    done("durable_db_backup_info", arguments, check=True)
    assert published(arguments, "restorable") == laid
    backup = published(arguments, "operation-backup")
    assert (backup["running_since"], backup["last"]["succeeded"]["count"]) == (None, 1)


def test_a_restore_is_foretold_built_confirmed_and_kept_from_going_wrong(arguments: dict[str, Any]) -> None:
    env = environment("test", arguments["home"], PREFIX)
    console = ServerConsole(engine_named(ENGINE), env)
    console.query("SET ROLE migrate_user; CREATE TABLE orders (id text PRIMARY KEY, created_at timestamptz DEFAULT now(), status text)")
    console.query("INSERT INTO orders VALUES ('kept')")
    mark = done("durable_db_backup", arguments | {"take": "none"})["mark"]
    console.query("INSERT INTO orders VALUES ('discarded')")

    restore = arguments | {"to": mark}
    foretold = done("durable_db_restore", restore, check=True)
    assert (foretold["changed"], foretold["step"], foretold["generation"]) == (True, "built", "000002")
    built = done("durable_db_restore", restore)
    assert (built["changed"], built["discarded"], built["rows"]) == (True, 1, 1)
    assert built["discarded_newest"][0].startswith("discarded  ")
    assert done("durable_db_restore", restore)["changed"] is False

    refused = run_module("durable_db_restore", arguments | {"state": "live", "confirm": "yes"})
    assert "'yes' does not confirm that" in refused["msg"]
    assert f"confirm={built['volume']}" in refused["remedy"]
    live = arguments | {"state": "live", "confirm": built["volume"]}
    assert done("durable_db_restore", live, check=True)["step"] == "live"
    assert console.query("SELECT count(*) FROM orders") == [["2"]]
    assert done("durable_db_restore", live)["changed"] is True
    assert console.query("SELECT id FROM orders") == [["kept"]]
    assert done("durable_db_restore", live)["changed"] is False
    # What had nothing to do does not count.
    assert [published(arguments, f"operation-{one}")["last"]["succeeded"]["count"] for one in ("restore", "restore_swap")] == [1, 1]

    confirmed = arguments | {"state": "confirmed", "confirm": built["previous"]}
    assert done("durable_db_restore", confirmed, check=True)["changed"] is True
    assert done("durable_db_restore", confirmed)["changed"] is True
    assert done("durable_db_restore", confirmed)["changed"] is False


def test_setting_up_waits_while_a_restore_is_cut_off(arguments: dict[str, Any]) -> None:
    journal = Path(arguments["home"], "test", "durable", "restore.json")
    cut_off = {"kind": "restore", "step": "swapping", "engine": ENGINE, "to": "latest", "began": "2026-03-01T12:00:00+00:00"}
    journal.write_text(json.dumps(cut_off | {"generation": "000002", "previous": "000001"}))
    refused = run_module("durable_db", arguments)
    journal.unlink()
    assert "a restore to latest was cut off while swapping: nobody can write" in refused["msg"]


def test_a_schedule_is_only_foretold_in_check_mode(arguments: dict[str, Any]) -> None:
    place = {name: arguments[name] for name in ("environment", "home", "network_prefix")}
    foretold = done("durable_db_backup_schedule", place | {"at": "03:10", "command": ["true"]}, check=True)
    assert foretold["changed"] is True
    assert not any(Path(file).exists() for file in foretold["files"])
    assert "is no time of day" in run_module("durable_db_backup_schedule", place | {"at": "3"})["msg"]
