from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import CONFIGURATION_LABEL
from ansible_collections.echobase.platform.plugins.module_utils.database.server_definition import ServerDefinition
from ansible_collections.echobase.platform.plugins.module_utils.engines.registry import engine_named
from ansible_collections.echobase.platform.plugins.module_utils.environment.backup_target import BackupTarget
from ansible_collections.echobase.platform.plugins.module_utils.environment.database_places import ENGINES
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import environment
from ansible_collections.echobase.platform.plugins.module_utils.module.environment_arguments import ENVIRONMENT_ARGUMENTS
from ansible_collections.echobase.platform.plugins.module_utils.module.server_arguments import SERVER_ARGUMENTS, definition_of

ENV = environment("test", "/srv")


def definition(engine: str, **changes: Any) -> ServerDefinition:
    defaults = {name: argument.get("default") for name, argument in (ENVIRONMENT_ARGUMENTS | SERVER_ARGUMENTS).items()}
    return definition_of(defaults | {"engine": engine, "image": f"echobase/{engine}:1"} | changes, ENV)


@pytest.fixture(params=ENGINES)
def server(request: pytest.FixtureRequest) -> ServerDefinition:
    return definition(request.param)


def test_the_service_has_the_published_names_and_no_power(server: ServerDefinition) -> None:
    names = {"mariadb": ("mariadb", "127.0.0.1:3308:3306"), "postgresql": ("postgres", "127.0.0.1:5434:5432")}
    name, port = names[server.engine]
    service = server.compose["services"][name]
    assert service["container_name"] == f"echobase-test-durable-{name}"
    assert service["ports"] == [port]
    assert (service["cap_drop"], service["read_only"], service["user"]) == (["ALL"], True, "999:999")
    assert server.compose["volumes"]["data"] == {"name": f"echobase-test-durable-{name}-data", "external": True}
    assert service["stop_grace_period"] == "120s"


def test_secrets_are_files_that_cannot_be_written(server: ServerDefinition) -> None:
    service = server.compose["services"][server.names.service]
    password = [value for name, value in service["environment"].items() if "PASSWORD" in name]
    assert password == ["/run/secrets/root_password"]
    writable = [mount["target"] for mount in service["volumes"] if not mount.get("read_only")]
    assert writable == [server.names.data_mount, "/backups"]


@pytest.mark.parametrize(
    "change",
    [{"image": "other:2"}, {"memory": "2g"}, {"extra_settings": {"x": "1"}}, {"connections": 100}, {"backup_target": BackupTarget("/mnt")}],
)
def test_the_digest_tells_configurations_apart(server: ServerDefinition, change: dict[str, Any]) -> None:
    other = replace(server, **change)
    assert other.digest != server.digest
    assert other.compose["services"][server.names.service]["labels"][CONFIGURATION_LABEL] == other.digest
    assert replace(server).digest == server.digest


def test_what_is_written_reads_as_what_is_wanted(server: ServerDefinition) -> None:
    picture = server.picture
    assert picture["mem_limit"] == "1g"
    assert "labels" not in picture
    [settings] = [lines for lines in picture.values() if isinstance(lines, dict) and "max_connections" in lines]
    assert settings.items() >= server.settings.items()


@pytest.mark.parametrize("engine", ENGINES)
def test_what_keeps_data_safe_cannot_be_set(engine: str) -> None:
    unsafe = {"mariadb": "sync_binlog", "postgresql": "fsync"}[engine]
    with pytest.raises(Refusal, match=f"durable_db_settings has {unsafe},"):
        definition(engine, settings={unsafe: 0})
    assert definition(engine, settings={"max_connections": 77}).settings["max_connections"] == "77"


@pytest.mark.parametrize("engine", ENGINES)
def test_every_guarded_setting_is_one_that_is_set(engine: str) -> None:
    # An older major may not know one.
    server = definition(engine)
    known = {name.removeprefix("loose_") for name in server.settings}
    command = server.compose["services"][server.names.service]["command"]
    known |= {option.removeprefix("--").partition("=")[0].replace("-", "_") for option in command}
    assert known >= engine_named(engine).definition.guarded_settings


def test_nobody_is_postgres_over_the_network() -> None:
    rules = [line.split() for line in definition("postgresql").files["pg_hba.conf"].splitlines() if not line.startswith("#")]
    assert rules[0] == ["local", "all", "postgres", "peer"]
    assert ["hostssl", "all", "postgres", "all", "reject"] in rules
    assert {rule[0] for rule in rules[1:]} == {"hostssl"}
    assert {rule[-1] for rule in rules[1:]} == {"scram-sha-256", "reject"}


def test_a_remote_repository_is_not_mounted() -> None:
    assert definition("mariadb", backup_target="s3://bucket/prefix").backups_folder == "/srv/test/backups/mariadb"
    assert definition("mariadb", backup_target="/mnt/backups").backups_folder == "/mnt/backups"


def test_a_replica_is_the_same_server_beside_it_without_backups_and_first_accounts(server: ServerDefinition) -> None:
    replica = replace(server, follows=True)
    names = ENV.replica(server.engine)
    [(name, service)] = replica.compose["services"].items()
    assert (name, service["container_name"], service["ports"]) == (
        names.service,
        names.container,
        [f"127.0.0.1:{names.port}:{names.container_port}"],
    )
    assert service["networks"]["durable"]["ipv4_address"] == names.address != server.names.address
    assert {mount["target"] for mount in service["volumes"]}.isdisjoint({"/backups", "/docker-entrypoint-initdb.d/10-users.sql"})
    assert replica.companions == ()
    assert server.settings.items() - replica.settings.items() <= {
        ("archive_command", server.settings.get("archive_command")),
        ("binlog_expire_logs_seconds", "0"),
    }
    # Compose takes one dollar sign for a variable of its own.
    assert "$" not in service["entrypoint"][2].replace("$$", "")
