"""Backups of MariaDB on a real server: taken, damaged, killed half-way, and restored to exact points."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.database.backup_tool import Backup, Damage, Point
from harness.mariadb_under_test import MariadbUnderTest, Writer
from harness.s3_under_test import S3_LOGIN, running_bucket
from harness.waiting import eventually

pytestmark = pytest.mark.long

# What the archiver's samples leave open, and as much again.
FINENESS = timedelta(seconds=0.6)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariadbUnderTest]:
    """One server with its archiver; each test adds tables and backups of its own."""
    database = MariadbUnderTest(tmp_path_factory.mktemp("home"), "zz-c", 60)
    try:
        database.ensure()
        assert database.tool.prepare()
        yield database
    finally:
        database.remove()


@pytest.fixture(scope="module")
def full(database: MariadbUnderTest) -> Backup:
    database.rows("CREATE TABLE first (id INT PRIMARY KEY, note VARCHAR(40))", "INSERT INTO first VALUES (1, 'in the full backup')")
    return database.tool.take("full")


def rows(table: str) -> str:
    return f"SELECT COUNT(*), MAX(number) FROM orders_db.{table}"


def test_what_is_prepared_stays_as_it_is(database: MariadbUnderTest) -> None:
    before = database.docker.api.inspect_container(database.archiver)["Id"]
    assert database.tool.is_prepared()
    assert database.tool.prepare() is False
    assert database.docker.api.inspect_container(database.archiver)["Id"] == before


def test_the_archiver_has_its_own_secrets_alone(database: MariadbUnderTest) -> None:
    seen = database.docker.containers.get(database.archiver).exec_run(["find", "/run/secrets", "-type", "f"]).output.decode().split()
    assert sorted(seen) == ["/run/secrets/backup_key", "/run/secrets/backup_password"]


def test_a_full_one_an_incremental_one_and_the_log_give_what_was_marked(database: MariadbUnderTest, full: Backup) -> None:
    tool = database.tool
    database.rows("INSERT INTO first VALUES (2, 'in the incremental one')")
    incremental = tool.take("incremental")
    assert (full.kind, full.needs, incremental.kind, incremental.needs) == ("full", (), "incremental", (full.name,))
    assert [backup.name for backup in tool.backups()] == [full.name, incremental.name]
    database.rows(
        "INSERT INTO first VALUES (3, 'in the log')", "CREATE TABLE second (id INT PRIMARY KEY)", "INSERT INTO second VALUES (1), (2)"
    )
    mark, marked = tool.mark()
    database.rows("DELETE FROM first", "INSERT INTO second VALUES (3)")
    tool.archive_now()
    assert (marked["first"][0], marked["second"][0]) == (3, 2)
    for backup in (incremental, full):
        with database.restored(backup, Point(mark=mark)) as trial:
            assert tool.contents(trial.container) == marked
            assert trial.console.query("SELECT id FROM orders_db.first ORDER BY id") == [["1"], ["2"], ["3"]]


def test_what_a_mark_tells_is_of_one_moment(database: MariadbUnderTest, full: Backup) -> None:
    with Writer(database) as writer:
        writer.await_more(50)
        mark, marked = database.tool.mark()
        writer.await_more(50)
    number = int(mark.partition("/")[2])
    assert marked["numbered"][0] == sum(transaction <= number for transaction in writer.transactions.values())
    database.tool.archive_now()
    with database.restored(full, Point(mark=mark)) as trial:
        assert database.tool.contents(trial.container) == marked


def test_a_restore_ends_exactly_at_the_transaction(database: MariadbUnderTest) -> None:
    with Writer(database) as writer:
        writer.await_more(20)
        backup = database.tool.take("full")
        first = len(writer.transactions)
        writer.await_more(300)
    database.tool.archive_now()
    history = database.history
    for row in random.sample(range(first, len(writer.transactions)), 2):
        with database.restored(backup, Point(mark=f"{history}/{writer.transactions[row]}")) as trial:
            assert trial.console.query(rows("numbered")) == [[str(row), str(row)]]


def test_between_two_writes_is_exactly_the_first(database: MariadbUnderTest, full: Backup) -> None:
    database.rows("CREATE TABLE known (id INT PRIMARY KEY)")
    moments = []
    for number in (1, 2, 3):
        database.rows(f"INSERT INTO known VALUES ({number})")
        moments.append(database.now() + FINENESS / 2)
        # Time itself is what is tested.
        time.sleep(FINENESS.total_seconds())
    database.tool.archive_now()
    for number in (1, 2):
        with database.restored(full, Point(moment=moments[number - 1])) as trial:
            assert trial.console.query("SELECT MAX(id) FROM orders_db.known") == [[str(number)]]


def test_a_moment_beyond_the_archive_is_refused_with_its_end(database: MariadbUnderTest, full: Backup) -> None:
    with pytest.raises(Refusal, match=rf"after backup {full.name} the archive reaches 20.* UTC and no further"):
        database.tool.restore(full, Point(moment=database.now() + timedelta(hours=1)), "none", "none")
    with pytest.raises(Refusal, match=r"after that moment - choose an older backup"):
        database.tool.restore(full, Point(moment=full.consistent - timedelta(seconds=1)), "none", "none")


def test_the_archive_goes_on_by_itself(database: MariadbUnderTest, full: Backup) -> None:
    database.rows("CREATE TABLE alone (id INT PRIMARY KEY)")
    written = database.now()
    eventually(lambda: database.tool.archive_after(full).until > written, "the archiver archives without being asked")
    assert database.tool.archive_after(full).gap == ""


def test_a_backup_killed_half_way_leaves_nothing_that_counts(database: MariadbUnderTest, full: Backup) -> None:
    before = database.tool.backups()
    refusals: list[Refusal] = []

    def take() -> None:
        try:
            database.tool.take("full")
        except Refusal as refusal:
            refusals.append(refusal)

    taking = threading.Thread(target=take)
    taking.start()
    eventually(lambda: database.processes(f"{database.container}-backup", ["mariadb-backup"]), "the backup is being taken")
    database.kill(f"{database.container}-backup")
    taking.join()
    assert "killed" in refusals[0].cause
    assert (database.tool.backups(), database.tool.check()) == (before, [])
    taken = database.tool.take("incremental")
    assert database.tool.backups() == [*before, taken]
    database.tool.expire([])
    assert (database.tool.backups(), database.tool.check()) == ([*before, taken], [])


def test_an_archiver_that_is_killed_loses_nothing(database: MariadbUnderTest, full: Backup) -> None:
    with Writer(database) as writer:
        for command in (["restic"], ["mariadb-binlog"], []):
            writer.await_more(30)
            if command:
                eventually(partial(database.processes, database.archiver, command), f"{command} runs")
            database.kill(database.archiver)
            eventually(database.archives, "the archiver archives again")
    database.tool.archive_now()
    assert database.tool.archive_after(full).gap == ""
    with database.restored(full) as trial:
        assert trial.console.query(rows("numbered")) == [[str(len(writer.transactions))] * 2]


def test_a_server_that_is_killed_leaves_a_log_that_is_archived(database: MariadbUnderTest, full: Backup) -> None:
    with Writer(database) as writer:
        writer.await_more(100)
        database.kill(database.container)
    eventually(database.archives, "the archiver archives again")
    assert database.tool.archive_after(full).gap == ""
    mark, marked = database.tool.mark()
    assert marked["numbered"][0] >= len(writer.transactions)
    with database.restored(full, Point(mark=mark)) as trial:
        assert database.tool.contents(trial.container) == marked


def test_a_missing_piece_of_the_log_is_told_with_the_moment_until_which_there_is_none(database: MariadbUnderTest) -> None:
    tool = database.tool
    backup = tool.take("full")
    before = tool.archive_after(backup)
    assert before.gap == ""
    # What follows begins a batch of its own.
    restart(database)
    known = database.snapshot_files()
    database.rows("CREATE TABLE missing (id INT PRIMARY KEY)")
    tool.archive_now()
    restart(database)
    missing = database.snapshot_files() - known
    until = until_of_those_before(database, backup, missing)
    database.rows("INSERT INTO missing VALUES (1)")
    tool.archive_now()
    hidden = hide(missing)
    try:
        archive = tool.archive_after(backup)
        assert archive.gap.startswith("binary log mariadb-bin.0") or archive.gap.startswith("the binary logs mariadb-bin.0")
        assert archive.gap.endswith("missing")
        assert archive.until == until
        with pytest.raises(Refusal, match=r"no further \(.*missing\)"):
            tool.restore(backup, Point(moment=until + timedelta(seconds=1)), "none", "none")
    finally:
        unhide(hidden)
    assert tool.archive_after(backup).gap == ""


def restart(database: MariadbUnderTest) -> None:
    database.kill(database.archiver)
    eventually(database.archives, "the archiver archives again")


def until_of_those_before(database: MariadbUnderTest, backup: Backup, missing: set[Path]) -> datetime:
    hidden = hide(missing)
    try:
        return database.tool.archive_after(backup).until
    finally:
        unhide(hidden)


def hide(files: set[Path]) -> dict[Path, bytes]:
    contents = {file: file.read_bytes() for file in files}
    for file in files:
        file.unlink()
    return contents


def unhide(contents: dict[Path, bytes]) -> None:
    for file, content in contents.items():
        file.write_bytes(content)
        file.chmod(0o644)


def test_a_damaged_newest_backup_is_found_and_the_one_before_restores(database: MariadbUnderTest, full: Backup) -> None:
    packs = set(database.repository.rglob("data/*/*"))
    database.rows("CREATE TABLE damaged AS SELECT seq, RAND(seq) AS noise FROM seq_1_to_5000")
    damaged = database.tool.take("incremental")
    largest = max(set(database.repository.rglob("data/*/*")) - packs, key=lambda file: file.stat().st_size)
    whole = largest.read_bytes()
    middle = len(whole) // 2
    largest.chmod(0o644)
    # One bit of it.
    largest.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
    try:
        assert database.tool.check()
        found = [damage for part in database.tool.parts(2) for damage in database.tool.read(part)]
        assert found == [Damage(f"pack {largest.name[:8]} is damaged", (damaged.name,))]
        with pytest.raises(Refusal, match="cannot give back snapshot"), database.restored(damaged):
            pass
        with database.restored(full, Point(moment=full.consistent + timedelta(seconds=1))) as trial:
            assert trial.console.query("SELECT COUNT(*) FROM orders_db.first") == [["1"]]
    finally:
        largest.write_bytes(whole)
    assert database.tool.check() == []


def test_another_key_is_refused_in_one_line(database: MariadbUnderTest) -> None:
    key = Path(database.env.path("secrets", "archiver", "backup_key"))
    right = key.read_text()
    key.write_text("another")
    try:
        with pytest.raises(Refusal, match="wrong password or no key found") as caught:
            database.tool.backups()
    finally:
        key.write_text(right)
    assert "secrets.json" in caught.value.remedy
    assert "\n" not in str(caught.value)


def test_nothing_of_it_is_readable(database: MariadbUnderTest) -> None:
    database.rows("CREATE TABLE told (secret VARCHAR(80))", "INSERT INTO told VALUES ('planted-text-that-nobody-may-find')")
    database.tool.take("full")
    assert not [file for file in database.repository.rglob("*") if file.is_file() and b"planted-text" in file.read_bytes()]
    for container in (database.container, database.archiver):
        shown = str(database.docker.api.inspect_container(container)) + database.docker.api.logs(container).decode()
        for secret in ("backup_key", "backup_password", "root_password"):
            assert Path(database.env.path("secrets", "db", secret)).read_text().strip() not in shown


def test_what_expires_takes_along_what_only_it_needed(database: MariadbUnderTest) -> None:
    tool = database.tool
    kept = tool.take("full")
    expired = [backup.name for backup in tool.backups() if backup.name != kept.name]
    before = len(database.snapshot_files())
    tool.expire(expired)
    assert [backup.name for backup in tool.backups()] == [kept.name]
    assert len(database.snapshot_files()) < before
    assert tool.check() == []
    database.rows("CREATE TABLE late (id INT PRIMARY KEY)")
    mark, marked = tool.mark()
    tool.archive_now()
    with database.restored(kept, Point(mark=mark)) as trial:
        assert tool.contents(trial.container) == marked


def test_a_bucket_serves_as_a_folder_does(database: MariadbUnderTest, tmp_path: Path) -> None:
    database.secrets().present(check=False, given=S3_LOGIN)
    try:
        with running_bucket(database.docker, tmp_path / "s3", database.env.durable_network.name) as target:
            tool = database.tool_of(replace(target, region="eu-central-1"))
            assert tool.prepare()
            backup = tool.take("full")
            database.rows("CREATE TABLE far_away (id INT PRIMARY KEY)")
            mark, marked = tool.mark()
            tool.archive_now()
            with database.restored(backup, Point(mark=mark), tool) as trial:
                assert tool.contents(trial.container) == marked
            assert tool.backups() == [backup]
            shown = str(database.docker.api.inspect_container(database.archiver))
            assert "eu-central-1" in shown
            assert not [value for value in S3_LOGIN.values() if value in shown]
    finally:
        database.tool.prepare()
