"""Up to when a database can be restored, as it is laid down for those who only watch."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.backups.published import publish_schedule, published_restorable
from ansible_collections.echobase.platform.plugins.module_utils.backups.record import BackupRecord, Failure, Proof, Record
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.database.backup_tool import Archive, Backup, BackupTool
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment, environment


def at(hour: int) -> datetime:
    return datetime(2026, 3, 1, hour, tzinfo=UTC)


class Repository:
    """Two backups, of which the older one may be proved."""

    def backups(self) -> list[Backup]:
        return [Backup("first", "full", (), at(1), at(1), 4096), Backup("second", "full", (), at(5), at(5), 8192)]

    def archive_after(self, one: Backup) -> Archive:
        return Archive(at(7), "log 12 is missing")


class AwayRepository(Repository):
    def backups(self) -> list[Backup]:
        raise Refusal("no server", "start it")


@pytest.fixture
def env(tmp_path: Path) -> Environment:
    env = environment("devlocal", str(tmp_path))
    Path(env.path("secrets", "db")).mkdir(parents=True)
    Path(env.path("secrets", "db", "backup_key")).touch()
    return env


def published(env: Environment, repository: Repository) -> dict[str, Any]:
    published_restorable(env, "mariadb", cast(BackupTool, repository))
    content: dict[str, Any] = json.loads(Path(env.path("metrics", "restorable-mariadb.json")).read_text())
    return content


def test_it_claims_what_was_proved_and_says_as_of_when(env: Environment) -> None:
    BackupRecord(env, "mariadb").write(Record().proved("first", Proof(at(2), "mark", at(2), 1.0, 7, {})))
    before = datetime.now(UTC)
    told = published(env, Repository())
    assert datetime.fromisoformat(told["as_of"]) == at(7)
    assert (datetime.fromisoformat(told["proved_at"]), told["problem"]) == (at(2), "log 12 is missing")
    assert (datetime.fromisoformat(told["newest"]), told["newest_bytes"]) == (at(5), 8192)
    # To the millisecond, as it is written.
    assert abs((datetime.fromisoformat(told["computed_at"]) - before).total_seconds()) < 1


def test_backups_that_nobody_proved_promise_nothing(env: Environment) -> None:
    told = published(env, Repository())
    assert (told["as_of"], told["proved_at"]) == (None, None)
    assert datetime.fromisoformat(told["newest"]) == at(5)
    assert "no backup was restored yet" in told["problem"]


def test_what_was_promised_is_taken_back_when_nobody_can_be_asked(env: Environment) -> None:
    BackupRecord(env, "mariadb").write(Record().proved("first", Proof(at(2), "mark", at(2), 1.0, 7, {})))
    published(env, Repository())
    told = published(env, AwayRepository())
    assert (told["as_of"], told["newest"], told["problem"]) == (None, None, "no server")


def test_check_mode_writes_nothing(env: Environment) -> None:
    published_restorable(env, "mariadb", cast(BackupTool, Repository()), check_mode=True)
    assert not Path(env.path("metrics")).exists()


class EmptyRepository(Repository):
    def backups(self) -> list[Backup]:
        return []


def test_a_backup_is_due_once_its_time_has_come_for_the_first_time(env: Environment) -> None:
    assert published(env, EmptyRepository())["due"] is None
    before = datetime.now(UTC)
    publish_schedule(env, "03:10")
    due = datetime.fromisoformat(published(env, EmptyRepository())["due"])
    assert (due.astimezone().hour, due.minute) == (5, 10)
    assert timedelta(hours=2) < due - before <= timedelta(hours=27)
    # Whoever puts it off does not put the alarm off.
    publish_schedule(env, "02:00")
    assert datetime.fromisoformat(published(env, EmptyRepository())["due"]) == due
    publish_schedule(env, "")
    assert published(env, EmptyRepository())["due"] is None


def test_where_there_was_a_backup_once_or_one_failed_it_is_due_without_a_schedule(env: Environment) -> None:
    assert datetime.fromisoformat(published(env, Repository())["due"]) == at(5)
    BackupRecord(env, "mariadb").write(Record(failure=Failure(at(3), "backup", "the disk is full")))
    assert datetime.fromisoformat(published(env, EmptyRepository())["due"]) == at(3)
    BackupRecord(env, "mariadb").file.write_text("{")
    assert datetime.fromisoformat(published(env, EmptyRepository())["due"]) < at(1)
