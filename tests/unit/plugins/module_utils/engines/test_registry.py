"""A third engine, which exists in this file alone, is registered: everything works with it, and no file of the product knows of it."""

from __future__ import annotations

import ast
import runpy
import ssl
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, Literal

import docker.errors
import pytest

from ansible_collections.echobase.platform.plugins.filter.database_image import database_image
from ansible_collections.echobase.platform.plugins.module_utils.backups.notification import Notification
from ansible_collections.echobase.platform.plugins.module_utils.backups.record import BackupRecord, Proof
from ansible_collections.echobase.platform.plugins.module_utils.backups.retention import Retention
from ansible_collections.echobase.platform.plugins.module_utils.backups.run import BackupRun, WantedBackup
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.base.progress import Progress
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import ENVIRONMENT_LABEL
from ansible_collections.echobase.platform.plugins.module_utils.credentials.certificates import wanted_leaves
from ansible_collections.echobase.platform.plugins.module_utils.credentials.files import wanted_files
from ansible_collections.echobase.platform.plugins.module_utils.credentials.store import completed
from ansible_collections.echobase.platform.plugins.module_utils.database.accounts import DatabaseAccounts, account_passwords
from ansible_collections.echobase.platform.plugins.module_utils.database.acknowledged import Acknowledged
from ansible_collections.echobase.platform.plugins.module_utils.database.backup_tool import Archive, Backup, BackupTool, Damage, Kind, Point
from ansible_collections.echobase.platform.plugins.module_utils.database.client import DatabaseClient, DumpedDatabase
from ansible_collections.echobase.platform.plugins.module_utils.database.console import ServerConsole
from ansible_collections.echobase.platform.plugins.module_utils.database.engine import DatabaseEngine
from ansible_collections.echobase.platform.plugins.module_utils.database.login import DatabaseLogin, Login
from ansible_collections.echobase.platform.plugins.module_utils.database.replication import LogReader, LogSlot, Replication
from ansible_collections.echobase.platform.plugins.module_utils.database.server_definition import ServerDefinition, health_check, read_only
from ansible_collections.echobase.platform.plugins.module_utils.database.statements import Statements
from ansible_collections.echobase.platform.plugins.module_utils.database.writer_fence import WriterFence
from ansible_collections.echobase.platform.plugins.module_utils.durable_db.docker_backend import DockerDatabase
from ansible_collections.echobase.platform.plugins.module_utils.durable_db.ensure import DurableDb, WantedDatabase
from ansible_collections.echobase.platform.plugins.module_utils.durable_db.final_backup import FinalBackup
from ansible_collections.echobase.platform.plugins.module_utils.engines import registry
from ansible_collections.echobase.platform.plugins.module_utils.engines.registry import backup_tool, engine_named, register
from ansible_collections.echobase.platform.plugins.module_utils.environment import backup_target, ports_and_subnets
from ansible_collections.echobase.platform.plugins.module_utils.environment.backup_target import BackupTarget
from ansible_collections.echobase.platform.plugins.module_utils.environment.database_places import ENGINES, DatabasePlace
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment, as_facts, environment
from ansible_collections.echobase.platform.plugins.module_utils.migrations.job import ReachableDatabase
from ansible_collections.echobase.platform.plugins.module_utils.module.environment_arguments import ENVIRONMENT_ARGUMENTS
from ansible_collections.echobase.platform.plugins.module_utils.module.server_arguments import SERVER_ARGUMENTS, definition_of
from ansible_collections.echobase.platform.plugins.module_utils.replica.ensure import DurableReplica
from ansible_collections.echobase.platform.plugins.module_utils.replica.pair import ensure_pair
from ansible_collections.echobase.platform.plugins.module_utils.replica.state import ReplicaWatch
from ansible_collections.echobase.platform.plugins.module_utils.restore.restore import DatabaseRestore
from ansible_collections.echobase.platform.plugins.module_utils.rotation.repository_key import RepositoryKeyRotation
from ansible_collections.echobase.platform.plugins.module_utils.status.durable_db_info import DurableDbInfo
from ansible_collections.echobase.platform.plugins.module_utils.status.screen import DatabaseState, StatusScreen
from ansible_collections.echobase.platform.plugins.module_utils.storage.generations import DataVolume
from ansible_collections.echobase.platform.plugins.module_utils.upgrade.upgrade import DatabaseUpgrade
from ansible_collections.echobase.platform.plugins.modules import durable_db_key

CHECKOUT = Path(__file__).parents[5]
NAME = "elephantine"
PLACE = DatabasePlace(NAME, "elephant", port=7400, container_port=7400, host=14, data_mount="/var/lib/elephant")
DIRECT = ["elephant", "--as-root"]
TAKEN = datetime(2026, 11, 28, 3, 10, tzinfo=UTC)


class ElephantServer(ServerDefinition):
    engine: ClassVar[str] = NAME
    guarded_settings: ClassVar[frozenset[str]] = frozenset({"forgets"})
    initial_accounts: ClassVar[str] = "elephant.sql"

    @property
    def _own_settings(self) -> dict[str, str]:
        return {"forgets": "never"}

    @property
    def _following_settings(self) -> dict[str, str]:
        return {"follows": "yes"}

    @property
    def _following_service(self) -> dict[str, Any]:
        return {"command": ["elephantd", "--follow"]}

    @property
    def files(self) -> dict[str, str]:
        return {"elephant.conf": "".join(f"{name} = {value}\n" for name, value in self.settings.items())}

    def says_what_is_wrong(self, line: str) -> bool:
        return "trumpets" in line

    @property
    def _own_service(self) -> dict[str, Any]:
        return {"command": ["elephantd"], "healthcheck": health_check()}

    @property
    def _configuration_mount(self) -> dict[str, Any]:
        return read_only(self.env.path(self.names.service), "/etc/elephant")


class ElephantClient(DatabaseClient):
    dump: ClassVar[Sequence[str]] = ("elephant-dump",)
    dump_trailer: ClassVar[bytes] = b"-- the end"
    load: ClassVar[Sequence[str]] = ("elephant",)
    reload_certificate: ClassVar[str] = "LOOK AGAIN"

    def as_root(self, *command: str) -> list[str]:
        return [*DIRECT, *command]

    def query(self, database: str, sql: str) -> tuple[str, ...]:
        return (database, sql)

    def execute_file(self, database: str, file: str) -> tuple[str, ...]:
        return (database, f"EXECUTE {file}")

    def dump_from(self, there: DumpedDatabase) -> list[str]:
        return ["elephant-dump", there.host]

    def load_as(self, owner: str, database: str) -> list[str]:
        return ["elephant", owner, database]

    def log_in(self, user: str, database: str) -> tuple[str, ...]:
        return ("elephant", user, database)


class ElephantLogin(DatabaseLogin):
    def _log_in(self, password: str, context: ssl.SSLContext, timeout: int) -> Login:
        raise NotImplementedError

    def _connect(self, password: str, context: ssl.SSLContext, timeout: int) -> Any:
        raise NotImplementedError

    def _driver_error(self) -> type[Exception]:
        raise NotImplementedError


class ElephantAccounts(DatabaseAccounts):
    file: ClassVar[str] = "elephant.sql"
    applied_digest: ClassVar[str] = "WHOSE"

    def _statements(self, env: Environment, values: Mapping[str, str]) -> list[str]:
        return [f"LET IN {user}" for user in account_passwords(env, values)]

    def _mark(self, env: Environment, digest: str) -> str:
        return f"REMEMBER {digest}"


class ElephantReplication(Replication):
    primary_position: ClassVar[str] = "WHERE IS THE FIRST"
    replica_position: ClassVar[str] = "WHERE IS THE SECOND"
    state: ClassVar[str] = "HOW DOES IT FOLLOW"
    go_on_applying: ClassVar[str] = "GO ON"
    all_applied: ClassVar[str] = "IS ALL APPLIED"
    promote: ClassVar[str] = "LEAD"
    copy: ClassVar[str] = "elephant-copy"
    slot: ClassVar[LogSlot | None] = None
    log_reader: ClassVar[LogReader | None] = None
    unit: ClassVar[Literal["transactions", "bytes"]] = "transactions"

    def distance(self, behind: str, ahead: str) -> int:
        return int(ahead) - int(behind)


class ElephantBackups(BackupTool):
    program: ClassVar[str] = "elephant-backup"

    def prepare(self) -> bool:
        return False

    def is_prepared(self) -> bool:
        return True

    def backups(self) -> list[Backup]:
        return [Backup("first", "full", (), TAKEN, TAKEN, 1)]

    def take(self, kind: Kind) -> Backup:
        raise NotImplementedError

    def archives_after(self, backups: Sequence[Backup]) -> list[Archive]:
        return [Archive(TAKEN.replace(hour=9)) for _ in backups]

    def archive_now(self) -> None:
        raise NotImplementedError

    def mark(self) -> tuple[str, dict[str, tuple[int, str]]]:
        raise NotImplementedError

    def restore(self, backup: Backup, point: Point, volume: str, folder: str) -> None:
        raise NotImplementedError

    def contents(self, container: str) -> dict[str, tuple[int, str]]:
        raise NotImplementedError

    def check(self) -> list[str]:
        return []

    def parts(self, days: int) -> list[str]:
        return ["1/1"]

    def read(self, part: str) -> list[Damage]:
        return []

    def expire(self, names: Sequence[str]) -> None:
        raise NotImplementedError


class Elephantine(DatabaseEngine):
    place: ClassVar[DatabasePlace] = PLACE
    title: ClassVar[str] = "ElephantineDB"
    images: ClassVar[Mapping[str, str]] = {"2": "elephant", "1": "elephant-1"}
    definition: ClassVar[type[ServerDefinition]] = ElephantServer
    client: ClassVar[DatabaseClient] = ElephantClient()
    application_login: ClassVar[type[DatabaseLogin]] = ElephantLogin
    accounts: ClassVar[DatabaseAccounts] = ElephantAccounts()
    statements: ClassVar[Statements] = Statements(
        lock_writers="LOCK {0} {1}",
        unlock_writers="UNLOCK {0} {1}",
        disconnect_writers="THROW OUT {0} {1}",
        count_writers="COUNT {0} {1}",
        count_tables="COUNT TABLES",
        only_read="ONLY READ {statement}",
        make_drill_table="MAKE",
        remove_drill_table="REMOVE",
        activity="ACTIVITY OF {database}",
        about="ABOUT",
        mighty_rights="MIGHTY",
        product="Elephantine",
        encodings=("EVERY",),
    )
    replication: ClassVar[Replication] = ElephantReplication()
    newer_image_upgrades: ClassVar[bool] = True
    backup_consumers: ClassVar[Sequence[str]] = ("keeper",)

    def backup_tool(self, docker: Any, env: Environment, target: BackupTarget) -> BackupTool:
        return ElephantBackups()

    def secret_files(self, env: Environment, values: Mapping[str, str]) -> dict[str, str]:
        return {self.accounts.file: self.accounts.sql(env, values)}

    def trial_command(self, command: Sequence[str], folder: str, *, with_log: bool) -> list[str]:
        return [*command, folder]


@pytest.fixture(autouse=True)
def third_engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(registry, "_REGISTERED", dict(registry._REGISTERED))
    register(Elephantine())
    yield
    del ENGINES[NAME]


@pytest.fixture
def env(tmp_path: Path) -> Environment:
    made = environment("test", str(tmp_path))
    key = Path(made.path("secrets", "db", "backup_key"))
    key.parent.mkdir(parents=True)
    key.write_text("key")
    return made


def definition(env: Environment, **changes: Any) -> ServerDefinition:
    defaults = {name: argument.get("default") for name, argument in (ENVIRONMENT_ARGUMENTS | SERVER_ARGUMENTS).items()}
    return definition_of(defaults | {"engine": NAME, "image": "elephant:2"} | changes, env)


class Engine:
    """A Docker engine that has these containers and nothing else."""

    def __init__(self, *containers: str) -> None:
        self.running = containers
        self.api = SimpleNamespace(
            inspect_container=self._inspect,
            inspect_volume=_missing,
            inspect_network=_missing,
            containers=lambda **_: [],
            logs=lambda *_, **__: b"",
        )
        self.images = SimpleNamespace(get=_missing)
        self.volumes = SimpleNamespace(list=lambda: [])

    def _inspect(self, name: str) -> dict[str, Any]:
        if name not in self.running:
            raise docker.errors.NotFound(name)
        return {
            "State": {"Running": True, "Restarting": False, "Status": "running"},
            "Config": {"Labels": {ENVIRONMENT_LABEL: "test"}, "Image": "elephant:1", "Cmd": ["elephantd"]},
            "Image": "sha256:1",
        }


def _missing(name: str) -> Any:
    raise docker.errors.NotFound(name)


def engine(*containers: str) -> Any:
    return Engine(*containers)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[list[str]]]:
    """What consoles are asked, in order; by the statement, what they answer."""
    answers: dict[str, list[list[str]]] = {"SELECT 1": [["1"]]}

    def output(self: ServerConsole, *client: str) -> Iterator[str]:
        *_, statement = self.engine.client.as_root(*client)
        rows = answers.setdefault(statement, [["0"]])
        yield from ("\t".join(row) + "\n" for row in rows)

    monkeypatch.setattr(ServerConsole, "_output", output)
    return answers


def test_every_environment_has_a_place_for_it(env: Environment) -> None:
    server, follower = env.server(NAME), env.replica(NAME)
    assert (server.container, server.volume, server.port) == ("echobase-test-durable-elephant", "echobase-test-durable-elephant-data", 7402)
    assert (server.address, follower.address, follower.port) == ("10.231.16.14", "10.231.16.16", 7502)
    assert as_facts(env)["databases"][NAME]["service"] == "elephant"
    given = environment("test", placement=ports_and_subnets.Placement(ports={"elephant": 9999, "elephant_replica": 9998}))
    assert (given.server(NAME).port, given.replica(NAME).port) == (9999, 9998)
    [leaf] = [leaf for leaf in wanted_leaves(env) if leaf.folder == "db"]
    assert {server.container, server.address, follower.container, follower.address} <= set(leaf.names)
    assert ReachableDatabase.live(env, NAME).host == server.container


def test_modules_take_it_and_refuse_what_its_data_do_not_survive(env: Environment) -> None:
    arguments = runpy.run_path(backup_target.__file__)["BACKUP_ARGUMENTS"]
    assert arguments["engine"]["choices"] == ["mariadb", "postgresql", NAME]
    with pytest.raises(Refusal, match="durable_db_settings has forgets,"):
        definition(env, settings={"forgets": "always"})
    assert definition(env).compose["services"]["elephant"]["container_name"] == "echobase-test-durable-elephant"
    assert (database_image(NAME), database_image(NAME, 1)) == ("elephant", "elephant-1")
    with pytest.raises(Refusal, match=f"unknown database engine 'other' - choose one of mariadb, postgresql, {NAME}"):
        engine_named("other")


def test_its_accounts_and_keys_are_handed_out(env: Environment) -> None:
    files = {file.name: file.content for file in wanted_files(env, completed({}), Path("/nonexistent"))}
    assert "LET IN migrate_user;\n" in files["db/elephant.sql"]
    assert files["keeper/backup_key"] == files["db/backup_key"]


def test_its_server_and_its_replica_are_planned_from_nothing(env: Environment) -> None:
    wanted = definition(env)
    database = DurableDb(DockerDatabase(engine(), wanted), FinalBackup(env), env.name, wait_timeout=1)
    follower = DurableReplica(engine(), replace(wanted, follows=True), wait_timeout=1)
    outcome = ensure_pair(
        database, follower, WantedDatabase("present", key_fingerprint="f"), with_replica=True, rebuild=False, check_mode=True
    )
    assert outcome.facts["steps"] == ["write configuration", "create volume", "create server", "await login"]
    assert outcome.facts["replica"]["steps"] == [
        "create replica's volume",
        "copy primary",
        "write replica's configuration",
        "create replica",
        "await replica",
    ]
    assert outcome.after["configuration"]["elephant.conf"] == {"forgets": "never"}


def test_it_is_looked_at(env: Environment, asked: dict[str, list[list[str]]]) -> None:
    docker = engine("echobase-test-durable-elephant-replica")
    asked["HOW DOES IT FOLLOW"] = [["1", "1", "40", "3", ""]]
    asked["WHERE IS THE FIRST"] = [["57"]]
    assert ReplicaWatch(docker, env, NAME).look().line == "REPLICA   follows, 17 transactions (3 s) behind"
    info = DurableDbInfo(docker, definition(env)).collect()
    assert (info["engine"], info["state"], info["encryption"]) == (NAME, "missing", "off")
    assert info["replica"]["lag_transactions"] == 17
    screen = StatusScreen(env, {"edge": {"ready": True}}, DatabaseState("2.0", "TLS_AES_256_GCM_SHA384", engine=NAME))
    assert screen._durable()[0].startswith("DATABASE  ElephantineDB 2.0 ready, TLS_AES_256_GCM_SHA384, 127.0.0.1:7402, ")


def test_nobody_writes_into_it_and_what_it_acknowledged_is_read(env: Environment, asked: dict[str, list[list[str]]]) -> None:
    console = ServerConsole(engine_named(NAME), env)
    fence = WriterFence(env, console)
    fence.close()
    fence.open()
    assert list(asked)[1:] == [
        "LOCK app_user migrate_user",
        "COUNT app_user migrate_user",
        "EXECUTE /run/secrets/elephant.sql",
        "UNLOCK app_user migrate_user",
    ]
    asked["COUNT TABLES"] = [["1"]]
    asked["ONLY READ SELECT id"] = [["o1", "2026-11-28", "new"]]
    assert list(Acknowledged("SELECT id;").entries(console)) == [["o1", "2026-11-28", "new"]]


def test_its_backups_are_planned(env: Environment) -> None:
    tool = backup_tool(engine(), env, NAME)
    run = BackupRun(engine(), env, NAME, tool, Retention(2, 14, 7), Notification(""), Progress(None))
    outcome = run.run(WantedBackup("full", verify=True, expire=True), check_mode=True)
    assert (outcome.before, outcome.after) == (["first"], ["first", "a new full one"])


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A Docker engine with its server, whose volume has one generation of major version 1."""

    def answer(self: DataVolume, script: str, *arguments: str) -> str:
        if "readlink" in script:
            return "generations/000001\ngenerations/000001\n"
        return "1\n1\n" if "database-major" in script else "100\n1\n"

    monkeypatch.setattr(DataVolume, "_run", answer)
    return engine("echobase-test-durable-elephant")


def test_a_restore_of_it_is_planned(env: Environment, served: Any, asked: dict[str, list[list[str]]]) -> None:
    tool = backup_tool(served, env, NAME)
    restore = DatabaseRestore(served, env, NAME, tool, Progress(None))
    after = restore.run("built", "2026-11-28T08:00:00Z", "", check_mode=True).after
    assert (after["restore"], after["backup"], after["generation"], after["previous"]) == ("built", "first", "000002", "000001")
    with pytest.raises(Refusal, match="is beyond what the backups can restore"):
        restore.run("built", "2026-11-28T10:00:00Z", "", check_mode=True)


def test_an_upgrade_of_it_is_planned(env: Environment, served: Any, asked: dict[str, list[list[str]]]) -> None:
    BackupRecord(env, NAME).write(BackupRecord(env, NAME).read().proved("first", Proof(TAKEN, "mark", TAKEN, 1.0, 1, {})))
    upgrade = DatabaseUpgrade(served, env, definition(env), "", "elephant:1", backup_tool(served, env, NAME), Progress(None))
    outcome = upgrade.run("checked", "", check_mode=False)
    assert (outcome.changed, outcome.facts["present_major"], outcome.facts["wanted_major"]) == (True, "1", "2")


def test_its_keys_are_told_from_those_of_the_others(env: Environment) -> None:
    assert engine_named(NAME).data_key == "db_volume_key"
    durable_db_key._refuse_key_of_another_engine("db_volume_key", NAME)
    durable_db_key._refuse_key_of_another_engine("db_backup_key", NAME)
    with pytest.raises(Refusal, match=f"db_encryption_key is a key of mariadb, and the engine is {NAME}"):
        durable_db_key._refuse_key_of_another_engine("db_encryption_key", NAME)
    remote = RepositoryKeyRotation(engine(), env, NAME, BackupTarget("s3://bucket/prefix"), SimpleNamespace(), Progress(None))  # type: ignore[arg-type]
    with pytest.raises(Refusal, match="elephant-backup cannot give s3://bucket/prefix another key"):
        remote.run(check_mode=True)


def compared_names(tree: ast.AST) -> Iterator[ast.expr]:
    """What is compared, or is the key of a table, and names an engine or its service."""
    names = {name for place in ENGINES.values() for name in (place.engine, place.service)}
    for node in ast.walk(tree):
        found: list[ast.expr | None] = []
        if isinstance(node, ast.Compare):
            found = [node.left, *node.comparators]
        elif isinstance(node, ast.Dict):
            found = list(node.keys)
        elif isinstance(node, ast.Subscript):
            found = [node.slice]
        elif isinstance(node, ast.MatchValue):
            found = [node.value]
        for expression in filter(None, found):
            members = expression.elts if isinstance(expression, ast.Tuple | ast.List | ast.Set) else [expression]
            yield from (one for one in members if isinstance(one, ast.Constant) and one.value in names)


def test_only_the_packages_of_engines_tell_them_apart() -> None:
    sources = [*(CHECKOUT / "plugins").rglob("*.py")]
    assert len(sources) > 150
    named = [
        f"{path.relative_to(CHECKOUT)}:{expression.lineno}"
        for path in sources
        if "engines" not in path.parts
        for expression in compared_names(ast.parse(path.read_text()))
    ]
    assert named == []


def test_the_search_for_comparisons_finds_them() -> None:
    text = """
a = {"mariadb": 1}["postgres"]
if engine == "postgresql" or engine in ("mariadb", "x"):
    pass
match engine:
    case "mariadb":
        pass
"""
    assert len(list(compared_names(ast.parse(text)))) == 5
