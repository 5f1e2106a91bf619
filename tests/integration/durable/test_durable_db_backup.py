"""Backups that count only once they were restored, on real servers of both engines."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from docker import DockerClient

from ansible_collections.echobase.platform.plugins.module_utils.backups.record import BackupRecord
from ansible_collections.echobase.platform.plugins.module_utils.backups.restorable import Restorable, restorable
from ansible_collections.echobase.platform.plugins.module_utils.backups.retention import Retention
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.base.progress import Progress
from ansible_collections.echobase.platform.plugins.module_utils.restore.drill import RestoreDrill
from harness.durable_under_test import DurableUnderTest

pytestmark = pytest.mark.long_on("mariadb")

ONLY_ONE = Retention(keep_full=1, keep_days=0, full_every_days=1)
_ENGINES = ("mariadb", "postgresql")


@pytest.fixture(scope="module", params=_ENGINES)
def database(
    request: pytest.FixtureRequest, engine_client: DockerClient, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DurableUnderTest]:
    """The tests below go through its life, one after the other."""
    database = DurableUnderTest.prepared(engine_client, request.param, tmp_path_factory.mktemp("home"), 1 + _ENGINES.index(request.param))
    database.remove()
    try:
        database.create()
        yield database
    finally:
        database.remove()


def promise(database: DurableUnderTest) -> Restorable:
    return restorable(database.env, database.engine, database.tool)


def test_without_a_backup_nothing_is_restorable(database: DurableUnderTest) -> None:
    assert promise(database).as_of is None
    assert promise(database).line(datetime.now(UTC)).startswith("NOT RESTORABLE: no backup was restored yet")
    foretold = database.back_up(check=True)
    assert (foretold.changed, foretold.facts["kind"]) == (True, "full")
    assert database.tool.backups() == []


def test_a_backup_counts_once_it_was_restored(database: DurableUnderTest) -> None:
    database.accept("first", "second")
    unproved = database.back_up(verify=False)
    assert unproved.facts["kind"] == "full"
    assert promise(database).as_of is None
    database.accept("third")
    before = datetime.now(UTC)
    proved = database.back_up()
    assert proved.facts["kind"] == "incremental"
    assert proved.facts["rows"] == 3
    assert proved.facts["proved_by"] == proved.facts["backup"]
    found = promise(database)
    assert found.as_of is not None
    assert found.as_of >= before
    assert found.problem == ""
    assert database.leftovers() == []


# That of MariaDB holds tests/e2e/test_backup_and_restore.py.
@pytest.mark.engines("postgresql")
def test_a_restore_drill_measures_what_a_loss_would_cost(database: DurableUnderTest) -> None:
    drill = RestoreDrill(database.docker, database.env, database.engine, database.tool, Progress(None), write_seconds=4)
    cost = drill.run().facts
    assert cost["written"] > 0
    assert cost["restored"] <= cost["written"]
    assert cost["rto_seconds"] > 0
    assert cost["rpo_seconds"] >= 0
    assert database.orders() == ["first", "second", "third"]
    assert database.leftovers() == []


def test_what_nothing_keeps_goes_and_the_proved_one_stays(database: DurableUnderTest) -> None:
    earlier = [backup.name for backup in database.tool.backups()]
    taken = database.back_up("full", retention=ONLY_ONE)
    assert taken.facts["expired"] == earlier
    assert [backup.name for backup in database.tool.backups()] == [taken.facts["backup"]]
    assert list(BackupRecord(database.env, database.engine).read().proofs) == [taken.facts["backup"]]
    again = database.back_up("none", retention=ONLY_ONE)
    assert again.facts["expired"] == []
    assert promise(database).proved_by == taken.facts["backup"]


def test_what_cannot_be_restored_is_loud(database: DurableUnderTest, tmp_path: Path) -> None:
    """The backup is damaged on its disk: nobody knows until a restore says so."""
    proved = promise(database)
    database.accept(*(f"order-{number}" for number in range(50)))
    before = database.repository_files()
    taken = database.back_up("full", verify=False).facts["backup"]
    database.damage(taken, before)
    told = tmp_path / "told.json"
    notify = shlex.join([sys.executable, "-c", f"import sys; open({str(told)!r}, 'w').write(sys.stdin.read())"])
    with pytest.raises(Refusal, match=f"verifying {taken} of {database.env.name}'s {database.engine} failed") as refused:
        database.back_up("none", notify=notify)
    assert "\n" not in str(refused.value)
    message = json.loads(told.read_text())
    assert (message["event"], message["environment"], message["doing"]) == ("backup_failed", database.env.name, f"verifying {taken}")
    now = promise(database)
    assert now.proved_by == proved.proved_by
    assert now.problem.startswith(f"verifying {taken} failed: ")
    assert "TROUBLE: " in now.line(datetime.now(UTC))
    assert database.leftovers() == []


def test_a_good_one_ends_the_alarm_once_the_bad_one_is_gone(database: DurableUnderTest) -> None:
    taken = database.back_up("full", retention=ONLY_ONE)
    found = promise(database)
    assert (found.problem, found.proved_by) == ("", taken.facts["backup"])
    assert [backup.name for backup in database.tool.backups()] == [taken.facts["backup"]]


def test_without_its_key_nothing_is_restorable_and_it_says_so(database: DurableUnderTest) -> None:
    key = Path(database.env.path("secrets", "db", "backup_key"))
    moved = key.rename(f"{key}.moved")
    try:
        assert "backup_key is missing, and without it nobody can read a backup" in promise(database).problem
        with pytest.raises(Refusal, match=r"bring .*secrets\.json back from your own copy"):
            database.back_up()
    finally:
        moved.rename(key)
    assert promise(database).problem.startswith("looking for the key failed: ")
    assert promise(database).as_of is not None


# In MariaDB's repository a file may belong to several backups: see tests/integration/durable/test_mariadb_backups.py.
@pytest.mark.engines("postgresql")
def test_a_bit_that_flips_in_an_older_backup_is_found_within_a_week(database: DurableUnderTest) -> None:
    """Which the proof does not read: it restores the newest."""
    older = promise(database).proved_by
    newest = database.back_up("full", verify=False).facts["backup"]
    database.flip_a_bit(older)
    record = BackupRecord(database.env, database.engine)
    known = record.read()
    a_week_ago = {part: replace(reading, at=reading.at - timedelta(days=7)) for part, reading in known.readings.items()}
    record.write(replace(known, readings=a_week_ago))
    with pytest.raises(Refusal, match=f"reading the repository of .* failed: .*: backup {older} cannot be restored"):
        database.back_up("none")
    now = promise(database)
    assert now.proved_by == newest
    assert f": backup {older} cannot be restored" in now.problem
    assert "TROUBLE: " in now.line(datetime.now(UTC))
