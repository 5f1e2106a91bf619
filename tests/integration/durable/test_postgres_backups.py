"""Backups of a real PostgreSQL by pgBackRest: taken, restored to exact points, and damaged in every way we could think of."""

from __future__ import annotations

import os
import random
import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import docker
import pytest

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.database.backup_tool import Backup, Point
from ansible_collections.echobase.platform.plugins.module_utils.durable_db.trial_server import trial_server, trial_volume
from ansible_collections.echobase.platform.plugins.module_utils.engines.postgresql.backups import PostgresBackups
from ansible_collections.echobase.platform.plugins.module_utils.environment.backup_target import BackupTarget
from ansible_collections.echobase.platform.plugins.module_utils.storage.generations import FIRST_GENERATION
from harness.images_under_test import image_tag
from harness.postgres_under_test import PostgresUnderTest, highest_step
from harness.s3_under_test import S3_LOGIN, running_bucket
from harness.waiting import eventually

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresUnderTest]:
    """Encrypted at rest, with a table and a full backup, which no test damages."""
    server = PostgresUnderTest(tmp_path_factory.mktemp("home"), "zz-d", 90)
    server.options["encrypted"] = True
    try:
        server.ensure()
        assert server.tool.prepare() is True
        server.write_steps(1, 1)
        server.rows("INSERT INTO steps SELECT n, repeat(md5(n::text), 20) FROM generate_series(-2000, 0) n")
        server.tool.take("full")
        yield server
    finally:
        server.remove()


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[PostgresUnderTest]:
    """One whose repository a test may damage, or fill up."""
    server = PostgresUnderTest(tmp_path, "zz-d-fresh", 91)
    server.repository.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", server.repository], check=True)
    try:
        server.ensure()
        server.tool.prepare()
        yield server
    finally:
        # The state folder goes with the server.
        subprocess.run(["umount", "--lazy", server.repository], check=True)
        server.remove()


def restored(server: PostgresUnderTest, backup: Backup, point: Point) -> int:
    with server.restored(backup, point) as trial:
        return highest_step(trial)


def refused(action: Callable[[], object]) -> str:
    with pytest.raises(Refusal) as refusal:
        action()
    return refusal.value.cause


def newest_file(folder: Path, pattern: str) -> Path:
    return max(folder.rglob(pattern), key=lambda path: path.stat().st_mtime_ns)


def damage(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    file.write_bytes(content)


def test_a_long_log_that_waited_for_the_repository_is_waited_for(tmp_path: Path) -> None:
    server = PostgresUnderTest(tmp_path, "zz-d-waiting", 94)
    try:
        server.ensure()
        server.root("CREATE TABLE public.ticks (n int)")
        for tick in range(40):
            server.root(f"INSERT INTO public.ticks VALUES ({tick})")
            server.root("SELECT pg_switch_wal()")
        # Far less than forty segments take.
        assert PostgresBackups(server.docker, server.env, server.target, patience=1).prepare()
        assert int(server.root("SELECT archived_count FROM pg_stat_archiver")[0][0]) >= 40
    finally:
        server.remove()


def test_what_is_prepared_is_left_alone(postgres: PostgresUnderTest) -> None:
    def written() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in Path(postgres.env.path("postgres")).iterdir()}

    before = written()
    assert postgres.tool.prepare() is False
    assert written() == before


def test_a_restore_ends_exactly_at_the_transaction(postgres: PostgresUnderTest) -> None:
    full = postgres.tool.backups()[0]
    first = highest_step(postgres) + 1
    moments = postgres.write_steps(first, first + 99)
    incremental = postgres.tool.take("incremental")
    assert (incremental.kind, incremental.needs) == ("incremental", (full.name,))
    later = postgres.write_steps(first + 100, first + 199)
    postgres.tool.archive_now()
    assert postgres.tool.archive_after(full).until > max(later.values())
    for stop in random.sample(sorted(moments | later), 2):
        assert restored(postgres, full, Point(moment=(moments | later)[stop])) == stop
    assert restored(postgres, incremental, Point()) == first + 199


def test_a_mark_holds_what_was_counted_while_others_write(postgres: PostgresUnderTest) -> None:
    enough = threading.Event()
    written = []

    def write() -> None:
        number = highest_step(postgres)
        while not enough.is_set():
            number += 1
            postgres.write_steps(number, number)
            written.append(number)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        eventually(lambda: len(written) > 2, "rows before the mark")
        mark, counted = postgres.tool.mark()
        so_far = len(written)
        eventually(lambda: len(written) > so_far + 2, "rows after the mark")
    finally:
        enough.set()
        writer.join()
    postgres.tool.archive_now()
    assert counted["public.steps"][0] < int(postgres.rows("SELECT count(*) FROM steps")[0][0])
    with postgres.restored(postgres.tool.backups()[-1], Point(mark=mark)) as trial:
        assert postgres.tool.contents(trial.container) == counted
        trial.console.query("UPDATE public.steps SET text = 'other' WHERE number = 0")
        assert postgres.tool.contents(trial.container) != counted


def test_a_transaction_that_keeps_its_lock_delays_a_mark_and_no_other_writer(postgres: PostgresUnderTest) -> None:
    marks = []
    with postgres.session() as slow:
        slow.ask("BEGIN")
        slow.ask("UPDATE steps SET text = 'slow' WHERE number = -1")
        marking = threading.Thread(target=lambda: marks.append(postgres.tool.mark()))
        marking.start()
        for number in range(-10, -2):
            postgres.rows(f"UPDATE steps SET text = 'quick' WHERE number = {number}")
        assert not marks
        slow.ask("COMMIT")
        marking.join()
    assert len(marks) == 1


def test_a_moment_after_the_last_write_is_possible_and_one_in_the_future_is_not(postgres: PostgresUnderTest) -> None:
    newest = postgres.tool.backups()[-1]
    postgres.tool.archive_now()
    until = postgres.tool.archive_after(newest).until
    assert restored(postgres, newest, Point(moment=until)) == highest_step(postgres)
    cause = refused(lambda: restored(postgres, newest, Point(moment=datetime.now(UTC) + timedelta(hours=1))))
    assert cause.startswith("the log in the repository reaches ")
    cause = refused(lambda: restored(postgres, newest, Point(moment=newest.started - timedelta(hours=1))))
    assert f"backup {newest.name} was complete at" in cause
    assert "ends before" in refused(lambda: restored(postgres, newest, Point(mark="mark-never-00000001")))


def test_a_backup_that_is_killed_leaves_nothing_that_is_listed(postgres: PostgresUnderTest) -> None:
    before = postgres.tool.backups()
    kept = postgres.repository / "backup" / "durable"
    folders = set(kept.iterdir())
    failures = []
    taking = threading.Thread(target=lambda: failures.append(refused(lambda: postgres.tool.take("full"))))
    taking.start()
    eventually(lambda: any((path / "pg_data").exists() for path in set(kept.iterdir()) - folders), "the backup copies")
    postgres.kill(postgres.names.container, ["/usr/bin/pgbackrest", "backup"])
    taking.join()
    assert failures
    assert postgres.tool.backups() == before
    assert postgres.tool.check() == []
    assert postgres.tool.take("incremental") == postgres.tool.backups()[-1]


def test_a_restore_that_is_killed_is_begun_again(postgres: PostgresUnderTest) -> None:
    newest = postgres.tool.backups()[-1]
    failures = []
    with trial_volume(postgres.docker, postgres.env, postgres.engine) as volume:

        def restore(folder: str) -> None:
            postgres.tool.restore(newest, Point(), volume, folder)

        data = Path(postgres.docker.api.inspect_volume(volume)["Mountpoint"], FIRST_GENERATION)
        thread = threading.Thread(target=lambda: failures.append(refused(lambda: restore(FIRST_GENERATION))))
        thread.start()
        eventually((data / "base").exists, "the restore copies")
        postgres.kill(f"{postgres.names.container}-restore")
        thread.join()
        assert failures
        # Whoever asked for the folder sweeps it.
        assert "contains files" in refused(lambda: restore(FIRST_GENERATION))
        restore("generations/000002")
        with trial_server(postgres.docker, postgres.env, postgres.engine, volume, "generations/000002") as trial:
            assert highest_step(trial) == highest_step(postgres)


def test_what_a_killed_caller_left_running_is_ended(postgres: PostgresUnderTest) -> None:
    left = postgres.docker.containers.run(
        image_tag("postgres"),
        ["600"],
        entrypoint="sleep",
        name=f"{postgres.names.container}-restore",
        detach=True,
        labels={"io.echobase.environment": postgres.env.name},
    )
    assert restored(postgres, postgres.tool.backups()[-1], Point()) == highest_step(postgres)
    with pytest.raises(docker.errors.NotFound):
        left.reload()


def test_the_repository_answers_while_the_server_is_down(postgres: PostgresUnderTest) -> None:
    backups = postgres.tool.backups()
    expected = highest_step(postgres)
    postgres.ensure("stopped")
    try:
        assert postgres.tool.backups() == backups
        assert postgres.tool.archive_after(backups[-1]).gap == ""
        assert postgres.tool.check() == []
        assert "does not run" in refused(lambda: postgres.tool.take("full"))
        assert restored(postgres, backups[0], Point()) == expected
    finally:
        postgres.ensure()


def test_no_secret_shows(postgres: PostgresUnderTest) -> None:
    key = Path(postgres.env.path("secrets", "db", "backup_key")).read_text()
    shown = str(postgres.docker.api.inspect_container(postgres.names.container)) + postgres.log()
    shown += "".join(path.read_text() for path in Path(postgres.env.path("postgres")).iterdir())
    shown += str(postgres.docker.api.top(postgres.names.container))
    assert "pgbackrest archive-push" in shown
    assert key not in shown


def test_restores_across_a_swap_follow_what_was_served_then(postgres: PostgresUnderTest) -> None:
    """The last test of this server: it goes on with another history."""
    start = highest_step(postgres)
    backup = postgres.tool.take("incremental")
    eventually(lambda: postgres.now() > backup.consistent, "the backup counts as complete")
    before = postgres.write_steps(start + 1, start + 20)
    postgres.tool.archive_now()
    postgres.swap(backup, Point(moment=before[start + 10]))
    postgres.tool.prepare()
    assert highest_step(postgres) == start + 10
    after = postgres.write_steps(start + 11, start + 15)
    postgres.tool.archive_now()
    assert postgres.tool.archive_after(backup).until > after[start + 15]
    assert restored(postgres, backup, Point(moment=after[start + 13])) == start + 13
    # What the swap threw away is still in the log.
    assert restored(postgres, backup, Point(moment=before[start + 19])) == start + 19
    newest = postgres.tool.take("incremental")
    postgres.write_steps(start + 16, start + 18)
    postgres.tool.archive_now()
    assert restored(postgres, newest, Point()) == start + 18
    assert postgres.tool.check() == []


def test_a_damaged_backup_is_told_and_an_older_one_still_restores(fresh: PostgresUnderTest) -> None:
    fresh.write_steps(1, 20)
    older = fresh.tool.take("full")
    fresh.write_steps(21, 40)
    newest = fresh.tool.take("full")
    damage(newest_file(fresh.repository / "backup" / "durable" / newest.name, "bundle/*"))
    assert any(newest.name in trouble for trouble in fresh.tool.check())
    assert newest.name in refused(lambda: restored(fresh, newest, Point()))
    assert restored(fresh, older, Point()) == 40


def test_a_gap_in_the_log_is_told_with_what_is_possible(fresh: PostgresUnderTest) -> None:
    full = fresh.tool.take("full")
    kept = fresh.write_steps(1, 20)
    fresh.tool.archive_now()
    lost_from = fresh.now()
    gone = fresh.write_steps(21, 40)
    fresh.tool.archive_now()
    lost = newest_file(fresh.repository / "archive", "*.zst")
    fresh.write_steps(41, 60)
    fresh.tool.archive_now()
    lost.unlink()
    archive = fresh.tool.archive_after(full)
    assert archive.gap == f"segment {lost.name[:24]} of the log is missing"
    assert kept[20] < archive.until < lost_from
    assert restored(fresh, full, Point(moment=archive.until)) == 20
    assert lost.name[:24] in refused(lambda: restored(fresh, full, Point(moment=gone[30])))


def test_a_damaged_segment_does_not_end_a_restore_in_silence(fresh: PostgresUnderTest) -> None:
    full = fresh.tool.take("full")
    fresh.write_steps(1, 20)
    fresh.tool.archive_now()
    damaged = newest_file(fresh.repository / "archive", "*.zst")
    fresh.write_steps(21, 40)
    fresh.tool.archive_now()
    damage(damaged)
    assert refused(lambda: restored(fresh, full, Point()))
    assert any(damaged.name[:24] in trouble for trouble in fresh.tool.check())


def read_only(repository: Path) -> Callable[[], None]:
    segments = next(repository.glob("archive/durable/*/*/"))
    segments.chmod(0o500)
    return lambda: segments.chmod(0o700)


def full(repository: Path) -> Callable[[], None]:
    """It is a small file system of its own."""
    ballast = repository / "ballast"
    space = os.statvfs(repository)
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, space.f_bavail * space.f_frsize)
    return ballast.unlink


@pytest.mark.parametrize("spoil", [read_only, full])
def test_a_repository_that_takes_nothing_is_loud_and_the_database_goes_on(
    fresh: PostgresUnderTest, spoil: Callable[[Path], Callable[[], None]]
) -> None:
    mend = spoil(fresh.repository)
    impatient = PostgresBackups(fresh.docker, fresh.env, fresh.target, patience=3)
    try:
        fresh.write_steps(1, 20)
        assert "the log does not reach the repository: " in refused(impatient.archive_now)
        (trouble,) = (trouble for trouble in fresh.tool.check() if "the log" in trouble)
        assert re.search(r"\d+ MiB of it wait", trouble)
        assert refused(lambda: impatient.take("full"))
        fresh.write_steps(21, 40)
    finally:
        mend()
    fresh.tool.archive_now()
    assert restored(fresh, fresh.tool.take("full"), Point()) == 40


def test_a_database_made_anew_beside_an_old_repository_harms_nothing(fresh: PostgresUnderTest) -> None:
    fresh.write_steps(1, 20)
    old = fresh.tool.take("full")
    fresh.tool.archive_now()
    fresh.docker.api.remove_container(fresh.names.container, force=True, v=True)
    fresh.docker.api.remove_volume(fresh.names.volume)
    fresh.ensure()
    assert fresh.tool.prepare() is True
    assert fresh.tool.backups() == [old]
    # The way back after the loss of a machine.
    fresh.swap(old, Point())
    assert fresh.tool.prepare() is True
    assert highest_step(fresh) == 20
    fresh.write_steps(21, 30)
    fresh.tool.archive_now()
    assert restored(fresh, old, Point()) == 30


def test_exactly_the_named_backups_go(fresh: PostgresUnderTest) -> None:
    first, second = fresh.tool.take("full"), fresh.tool.take("incremental")
    fresh.write_steps(1, 5)
    third, fourth = fresh.tool.take("full"), fresh.tool.take("incremental")
    fresh.write_steps(6, 9)
    fresh.tool.archive_now()
    before = len(list(fresh.repository.rglob("*.zst")))
    assert f"needs {first.name}" in refused(lambda: fresh.tool.expire([first.name]))
    assert "all the backups" in refused(lambda: fresh.tool.expire([backup.name for backup in (first, second, third, fourth)]))
    fresh.tool.expire([first.name, second.name])
    assert fresh.tool.backups() == [third, fourth]
    assert len(list(fresh.repository.rglob("*.zst"))) < before
    assert restored(fresh, third, Point()) == 9


def test_another_key_is_one_clear_line(fresh: PostgresUnderTest) -> None:
    fresh.tool.take("full")
    key = Path(fresh.env.path("secrets", "db", "backup_key"))
    right = key.read_text()
    key.write_text("x" * 32)
    try:
        with pytest.raises(Refusal) as refusal:
            fresh.tool.backups()
    finally:
        key.write_text(right)
    assert "unable to load info file" in refusal.value.cause
    assert "restore the environment's secrets.json" in refusal.value.remedy


@pytest.fixture
def bucket(tmp_path: Path) -> Iterator[BackupTarget]:
    client = docker.from_env()
    with running_bucket(client, tmp_path / "s3") as target:
        yield target
    client.close()


def test_a_bucket_holds_all_that_a_restore_needs(bucket: BackupTarget, tmp_path: Path) -> None:
    server = PostgresUnderTest(tmp_path / "home", "zz-d-s3", 92, bucket)
    server.prepare()
    server.secrets().present(check=False, given=S3_LOGIN)
    try:
        server.ensure()
        server.tool.prepare()
        taken = server.tool.take("full")
        moments = server.write_steps(1, 20)
        server.tool.archive_now()
        assert restored(server, taken, Point(moment=moments[7])) == 7
        server.ensure("stopped")
        assert server.tool.backups() == [taken]
    finally:
        server.remove()
