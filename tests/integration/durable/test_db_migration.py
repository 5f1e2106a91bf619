"""The class behind module db_migration, on real servers of both engines: what it refuses, rehearses, sends and records."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.application.definition import Definition
from ansible_collections.echobase.platform.plugins.module_utils.backups.restorable import Restorable
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.base.progress import Progress
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import docker_client
from ansible_collections.echobase.platform.plugins.module_utils.environment.ledger import Ledger
from ansible_collections.echobase.platform.plugins.module_utils.migrations.job import MigrationJob, ReachableDatabase
from ansible_collections.echobase.platform.plugins.module_utils.migrations.migration import DbMigration
from ansible_collections.echobase.platform.plugins.module_utils.migrations.plain_command import PlainMigration
from ansible_collections.echobase.platform.plugins.module_utils.migrations.preparation import Preparation, WantedMigration
from ansible_collections.echobase.platform.plugins.module_utils.migrations.rehearsal import MigrationRehearsal
from ansible_collections.echobase.platform.plugins.module_utils.migrations.restorable_gate import MigrationGate
from harness.application_under_test import deployed_order_system, order_system
from harness.backend_fixtures import DATABASE_IMAGES, DATABASE_PORTS, Backend, docker, empty_backend
from migrations.schema import Schema

pytestmark = pytest.mark.long_on("postgresql")

__all__ = ["empty_backend"]

EXPANDED_BY = ["expand_0001", "expand_0002", "expand_0003", "expand_0004", "expand_0005"]


def restorable_for(minutes: float) -> Restorable:
    now = datetime.now(UTC)
    return Restorable(now - timedelta(minutes=minutes), "backup 1", now)


class Scene:
    """A database of its own beside the backend's server, empty at first."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.docker = docker_client()
        self.database = ReachableDatabase(backend.engine, DATABASE_IMAGES[backend.engine], DATABASE_PORTS[backend.engine], backend.network)
        self.ledger = Ledger(Path(backend.env.path("ledger.jsonl")))
        self.ledger.path.unlink(missing_ok=True)
        for table in (
            "sessions",
            "login_failures",
            "dead_letters",
            "order_events",
            "outbox",
            "idempotency_keys",
            "orders",
            "users",
            "migrations",
            "migration_steps",
        ):
            backend.sql(f"DROP TABLE IF EXISTS {table}")

    def migration(self, **options: Any) -> DbMigration:
        job = MigrationJob(self.docker, self.backend.env, deployed_order_system("0.1.0-test"), self.database)
        contracts = options.pop("contracts", dict)
        return DbMigration(job, Preparation(self.ledger, **options), contracts)

    def run(self, action: str, check: bool = False, override: str = "", **options: Any) -> Any:
        return self.migration(**options).ensure(WantedMigration(action, 5, override, "0.1.0-test"), check)

    def expand(self) -> None:
        """As a release before did it; without a container of its own, which takes a second."""
        database = self.backend.migrations_database()
        Schema(database.engine).upgrade("expand")
        database.close()

    def an_order(self) -> None:
        user, order = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
        self.backend.sql("INSERT INTO users (id, email, password_hash, created_at) VALUES (%s, 'a@example.org', 'x', NOW())", user)
        self.backend.sql(
            "INSERT INTO orders (id, user_id, item, quantity, status, created_at) VALUES (%s, %s, 'tea', 1, 'accepted', NOW())", order, user
        )

    @property
    def applied(self) -> set[str]:
        return {row[0] for row in self.backend.sql("SELECT version_num FROM migrations")}

    @property
    def events(self) -> list[tuple[str, str]]:
        return [(entry["event"], entry["release"]) for entry in self.ledger.entries()]


@pytest.fixture
def scene(empty_backend: Backend) -> Scene:
    return Scene(empty_backend)


def never() -> Any:
    raise AssertionError("nobody should ask")


def test_check_mode_shows_every_statement_and_sends_none(scene: Scene) -> None:
    outcome = scene.run("expand", check=True)
    assert outcome.changed
    assert outcome.facts["applied"] == EXPANDED_BY
    assert outcome.after["schema"] == EXPANDED_BY
    assert "CREATE TABLE IF NOT EXISTS orders" in outcome.facts["sql"]
    assert "ADD COLUMN IF NOT EXISTS accepted_by" in outcome.facts["sql"]
    assert scene.events == []
    status = scene.run("status")
    assert (status.changed, status.facts["schema"], status.facts["empty"]) == (False, [], True)


def test_an_empty_database_is_expanded_once_and_asks_for_no_backup(scene: Scene) -> None:
    gate = MigrationGate(never, 60)
    first = scene.run("expand", gate=gate)
    assert (first.changed, first.facts["schema"], first.facts["applied"]) == (True, ["expand_0005"], EXPANDED_BY)
    assert (first.before, first.after) == ({"schema": []}, {"schema": ["expand_0005"]})
    assert scene.events == [("migrated", "0.1.0-test")]
    details = scene.ledger.entries()[0]["details"]
    assert details["to"] == ["expand_0005"]
    assert details["runs_on"] == {"expand_at_least": "expand_0005", "contracts": ["", "contract_0001"]}
    again = scene.run("expand", gate=gate)
    assert (again.changed, again.before, again.after) == (False, {"schema": ["expand_0005"]}, {"schema": ["expand_0005"]})
    assert len(scene.events) == 1


@pytest.mark.parametrize(
    ("known", "reason"),
    [
        (Restorable(None, problem="no backup was restored yet"), "nothing could be restored: no backup was restored yet"),
        (restorable_for(61), "a restore would end 1 h ago, more than 60 minutes"),
    ],
)
def test_rows_that_no_restore_brings_back_are_not_touched(scene: Scene, known: Restorable, reason: str) -> None:
    scene.expand()
    scene.an_order()
    gate = MigrationGate(lambda: known, 60)
    assert any(reason in warning for warning in scene.run("contract", check=True, gate=gate).warnings)
    with pytest.raises(Refusal, match=reason) as refusal:
        scene.run("contract", gate=gate)
    assert "db_migration_override" in refusal.value.remedy
    assert scene.applied == {"expand_0005"}
    assert scene.events == []


def test_an_override_is_recorded_before_anything_is_changed(scene: Scene) -> None:
    scene.expand()
    scene.an_order()
    gate = MigrationGate(lambda: Restorable(None, problem="the repository is away"), 60)
    outcome = scene.run("contract", gate=gate, override="ticket 4711")
    assert outcome.facts["schema"] == ["expand_0005", "contract_0001"]
    assert any("the repository is away" in warning for warning in outcome.warnings)
    assert [event for event, _ in scene.events] == ["overridden", "migrated"]
    entry = scene.ledger.entries()[0]
    assert entry["details"]["reason"] == "ticket 4711"
    assert entry["by"]


def test_a_rehearsal_that_fails_leaves_the_live_schema_alone(scene: Scene) -> None:
    class Failing:
        def run(self, action: str) -> dict[str, Any]:
            raise Refusal(f"the rehearsal of {action} failed", "mend it")

    scene.expand()
    scene.an_order()
    with pytest.raises(Refusal, match="the rehearsal of contract failed"):
        scene.run("contract", gate=MigrationGate(lambda: restorable_for(1), 60), rehearsal=Failing())
    assert scene.applied == {"expand_0005"}


def test_a_rehearsal_measures_and_has_releases_serve(scene: Scene, tmp_path: Path) -> None:
    """Here the copy is the database itself, so that nothing is left to do afterwards; tests/e2e has it restored from a backup."""
    told = tmp_path / "progress"
    told.touch()
    progress = Progress(str(told))

    @contextmanager
    def copy() -> Iterator[ReachableDatabase]:
        yield scene.database

    scene.expand()
    scene.an_order()
    release = deployed_order_system("0.1.0-old")
    rehearsal = MigrationRehearsal(scene.docker, scene.backend.env, release, {"green": release}, copy)
    gate = MigrationGate(lambda: restorable_for(1), 60)
    report = scene.run("contract", gate=gate, rehearsal=rehearsal, progress=progress).facts["rehearsal"]
    assert [one["revision"] for one in report["statements"]] == ["contract_0001"] * len(report["statements"])
    for one in report["statements"]:
        assert one["seconds"] >= 0
        assert one["held_up_seconds"] is not None
    assert report["passed"] == {
        "green": [
            "the page",
            "readiness",
            "registering",
            "logging in",
            "placing an order",
            "repeating an order",
            "reading the order",
            "processing an order",
        ]
    }
    lines = told.read_text().splitlines()
    assert any("held up a writer for" in line and "ALTER TABLE orders" in line for line in lines)
    assert lines[-1] == "applying contract_0001"
    assert any(line.startswith("green served on it: ") for line in lines)
    for kind in ("ps --all", "network ls", "volume ls"):
        assert docker(*kind.split(), "--quiet", "--filter", "name=-rehearsal-") == "", kind


def test_a_contract_waits_until_no_deployed_release_needs_the_old_schema(scene: Scene) -> None:
    scene.expand()
    with pytest.raises(Refusal, match="the release in blue does not run on contract_0001"):
        scene.run("contract", contracts=lambda: {"green": ["", "contract_0001"], "blue": [""]})
    assert scene.run("contract", contracts=lambda: {"green": ["", "contract_0001"]}).changed


def test_a_backfill_ahead_of_its_contract(scene: Scene) -> None:
    scene.expand()
    scene.an_order()
    foretold = scene.run("backfill", check=True)
    assert (foretold.changed, foretold.facts["rows_filled"]) == (True, 1)
    assert scene.backend.sql("SELECT accepted_by FROM orders") == [(None,)]
    filled = scene.run("backfill")
    assert (filled.changed, filled.facts["rows_filled"]) == (True, 1)
    assert filled.facts["backfills"] == [{"revision": "contract_0001", "rows_done": 1, "rows_left": 0}]
    assert scene.backend.sql("SELECT accepted_by FROM orders") == [("unknown",)]
    assert not scene.run("backfill").changed


def test_before_a_first_setup_check_mode_says_that_it_cannot_tell(scene: Scene) -> None:
    migration = scene.migration()
    release = deployed_order_system("0.1.0-test")
    not_built = replace(release, images=dict.fromkeys(release.images, "echobase/backend:not-built"))
    migration.job = MigrationJob(scene.docker, scene.backend.env, not_built, scene.database)
    outcome = migration.ensure(WantedMigration("expand", 5), check_mode=True)
    assert (outcome.changed, outcome.warnings) == (
        True,
        ["what would be sent cannot be told yet: there is no image echobase/backend:not-built"],
    )
    with pytest.raises(Refusal, match="there is no image echobase/backend:not-built"):
        migration.ensure(WantedMigration("expand", 5), check_mode=False)


def test_what_the_database_complains_of_is_one_line(scene: Scene) -> None:
    with scene.backend.connect() as rival, rival.cursor() as cursor:
        scene.expand()
        cursor.execute("START TRANSACTION")
        cursor.execute("SELECT COUNT(*) FROM orders")
        with pytest.raises(Refusal, match=r"^migrations contract: transactions of others held a table for more than 5 s") as refusal:
            scene.run("contract")
        cursor.execute("ROLLBACK")
    assert "\n" not in str(refusal.value)
    half_done = scene.run("status").facts["half_done"]
    assert [one["revision"] for one in half_done] == ["contract_0001"]
    leftovers = docker(
        "ps", "--all", "--quiet", "--filter", "label=io.echobase.job=migrations", "--filter", f"network={scene.backend.network}"
    )
    assert leftovers == ""


def test_a_command_of_the_applications_own_is_run_and_its_exit_code_decides(scene: Scene) -> None:
    """Of an application's own framework nothing is known but whether it succeeded."""

    def migration(command: str) -> PlainMigration:
        project = order_system()
        services = {**project["services"], "migrations": {**project["services"]["migrations"], "command": ["sh", "-c", command]}}
        block = {**project["x-echobase"], "jobs": {"expand": "migrations"}}
        definition = Definition.of({**project, "services": services, "x-echobase": block})
        release = replace(deployed_order_system("0.1.0-plain"), definition=definition)
        job = MigrationJob(scene.docker, scene.backend.env, release, scene.database, "expand")
        return PlainMigration(job, Preparation(scene.ledger, MigrationGate(never, 60)), lambda: True)

    wanted = WantedMigration("expand", 5, release="0.1.0-plain")
    foretold = migration("false").ensure(wanted, check_mode=True)
    assert (foretold.changed, scene.events) == (True, [])
    assert "cannot be told" in foretold.warnings[0]
    # It has the account that may change the schema.
    assert migration('test "$$DB_USER" = migrate_user && python -m migrations expand').ensure(wanted, check_mode=False).changed
    assert scene.applied == {"expand_0005"}
    assert scene.events == [("migrated", "0.1.0-plain")]
    with pytest.raises(Refusal, match=r"^no such column"):
        migration("echo 'no such column' >&2; exit 3").ensure(wanted, check_mode=False)
    assert scene.events == [("migrated", "0.1.0-plain")]
