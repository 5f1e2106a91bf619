"""What damage in the repository takes away, as the status tells it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.backups.record import BackupRecord, Failure, Proof, Reading, Record
from ansible_collections.echobase.platform.plugins.module_utils.backups.restorable import damage_told, restorable
from ansible_collections.echobase.platform.plugins.module_utils.database.backup_tool import Archive, Backup, BackupTool, Damage
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import environment


def at(hour: int) -> datetime:
    return datetime(2026, 3, 1, hour, tzinfo=UTC)


def backup(name: str, hour: int) -> Backup:
    return Backup(name, "full", (), at(hour), at(hour), 1)


class Repository:
    """Three backups; how far the log goes on from each."""

    def __init__(self, *reach: int) -> None:
        self._backups = [backup("first", 1), backup("second", 5), backup("third", 9)]
        self._reach = dict(zip(("first", "second", "third"), reach, strict=True))

    def backups(self) -> list[Backup]:
        return self._backups

    def archive_after(self, one: Backup) -> Archive:
        return Archive(at(self._reach[one.name]))


def told(reach: tuple[int, int, int], *backups: str) -> str:
    return damage_told([Damage("pack 871725cb is damaged", backups)], cast(BackupTool, Repository(*reach)))


@pytest.mark.parametrize(
    ("reach", "lost", "moments"),
    [
        # The log leads over it from the one before.
        ((12, 12, 12), "second", ""),
        ((12, 12, 12), "first", "; no moment between 2026-03-01 01:00:00 and 2026-03-01 05:00:00 can be"),
        ((7, 12, 12), "second", "; no moment between 2026-03-01 07:00:00 and 2026-03-01 09:00:00 can be"),
        ((3, 7, 12), "third", "; no moment since 2026-03-01 09:00:00 can be"),
        ((12, 12, 12), "third", ""),
    ],
)
def test_the_moments_that_nothing_else_leads_to_are_named(reach: tuple[int, int, int], lost: str, moments: str) -> None:
    assert told(reach, lost) == f"pack 871725cb is damaged: backup {lost} cannot be restored{moments}"


def test_with_all_of_them_lost_nothing_is_restorable() -> None:
    assert told((12, 12, 12), "first", "second", "third").endswith("; no moment since 2026-03-01 01:00:00 can be")


def test_what_is_damaged_and_gone_by_now_takes_nothing_away() -> None:
    assert told((12, 12, 12), "expired") == "pack 871725cb is damaged"


def test_it_shows_as_long_as_it_is_there_and_proves_nothing(tmp_path: Path) -> None:
    env = environment("test", str(tmp_path))
    key = Path(env.path("secrets", "db", "backup_key"))
    key.parent.mkdir(parents=True)
    key.touch()
    proof = Proof(at(9), "mark", at(9), 1.0, 3, {"orders": (3, "abc")})
    record = Record().proved("first", proof).proved("third", proof)
    damage = Damage("pack 871725cb is damaged", ("first",))
    file = BackupRecord(env, "mariadb")
    file.write(record.read({"1/7": Reading(at(9), (damage,))}).failed(Failure(at(9), "verifying third", "of before")))
    assert (list(file.read().proofs), file.read().damage) == (["third"], [damage])
    found = restorable(env, "mariadb", cast(BackupTool, Repository(12, 12, 12)))
    assert (found.as_of, found.proved_by) == (at(12), "third")
    assert found.problem.startswith("pack 871725cb is damaged: backup first cannot be restored; no moment between")
    file.write(replace(file.read(), failure=None).read({"1/7": Reading(at(10))}))
    assert restorable(env, "mariadb", cast(BackupTool, Repository(12, 12, 12))).problem == ""


def test_a_record_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    file = BackupRecord(environment("test", str(tmp_path)), "mariadb")
    file.file.parent.mkdir(parents=True)
    content: dict[str, Any] = {"failure": None, "proofs": {}}
    file.file.write_text(str(content).replace("None", "null").replace("'", '"'))
    assert file.read() == Record()
