from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.mariadb_server import CONFIGURATION_LABEL, SERVICE, MariadbServer
from ansible_collections.echobase.platform.plugins.module_utils.topology import environment

SERVER = MariadbServer(env=environment("test", "/srv"), image="echobase/mariadb:1", buffer_pool="256M", memory="1g")


def test_a_commit_that_was_answered_is_on_disk() -> None:
    lines = SERVER.my_cnf.splitlines()
    assert {"innodb_flush_log_at_trx_commit = 1", "sync_binlog = 1", "require_secure_transport = ON"} <= set(lines)
    assert "[mariadbd]" in lines


def test_the_service_has_the_published_names_and_no_power() -> None:
    service = SERVER.compose["services"][SERVICE]
    assert service["container_name"] == "echobase-test-durable-mariadb"
    assert service["ports"] == ["127.0.0.1:3308:3306"]
    assert (service["cap_drop"], service["read_only"], service["user"]) == (["ALL"], True, "999:999")
    assert SERVER.compose["volumes"]["data"] == {"name": "echobase-test-durable-mariadb-data", "external": True}


def test_secrets_are_files() -> None:
    service = SERVER.compose["services"][SERVICE]
    assert service["environment"] == {"MARIADB_DATABASE": "orders_db", "MARIADB_ROOT_PASSWORD_FILE": "/run/secrets/root_password"}
    assert all(mount.get("read_only") for mount in service["volumes"] if mount["type"] == "bind")


@pytest.mark.parametrize("change", [{"image": "echobase/mariadb:2"}, {"buffer_pool": "512M"}, {"memory": "2g"}])
def test_the_digest_tells_configurations_apart(change: dict[str, str]) -> None:
    other = replace(SERVER, **change)
    assert other.digest != SERVER.digest
    assert other.compose["services"][SERVICE]["labels"][CONFIGURATION_LABEL] == other.digest
    assert replace(SERVER).digest == SERVER.digest
