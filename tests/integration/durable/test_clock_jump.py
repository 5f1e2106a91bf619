"""The clock jumps by a day and back, for the server and for the tools that back it up: nothing is lost, and no moment is guessed."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import docker
import pytest

from ansible_collections.echobase.platform.plugins.module_utils.backups.record import BackupRecord, Proof, Record
from ansible_collections.echobase.platform.plugins.module_utils.backups.restorable import Restorable, restorable
from ansible_collections.echobase.platform.plugins.module_utils.backups.retention import Retention
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.database.backup_tool import Backup, Point
from harness.durable_server import DurableServer
from harness.images_under_test import image_tag
from harness.mariadb_under_test import MariadbUnderTest
from harness.postgres_under_test import PostgresUnderTest, highest_step
from harness.waiting import eventually

pytestmark = pytest.mark.long

# The file is in a folder that every container of a server has mounted.
_DOCKERFILE = """
FROM {image}
USER 0
RUN apt-get update && apt-get install --yes --no-install-recommends libfaketime && ln -s /usr/lib/*/faketime/libfaketimeMT.so.1 /opt/
ENV LD_PRELOAD=/opt/libfaketimeMT.so.1 FAKETIME_TIMESTAMP_FILE=/run/secrets/clock FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1
USER 999:999
"""


@pytest.fixture(scope="module")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariadbUnderTest]:
    server = MariadbUnderTest(tmp_path_factory.mktemp("home"), "zz-k-clock", 72)
    server.options["encrypted"] = False
    try:
        start(server)
        server.rows("CREATE TABLE steps (number INT PRIMARY KEY)")
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresUnderTest]:
    server = PostgresUnderTest(tmp_path_factory.mktemp("home"), "zz-k-clock-pg", 73)
    try:
        start(server)
        yield server
    finally:
        server.remove()


def start(server: MariadbUnderTest | PostgresUnderTest) -> None:
    server.image = image_with_clock(image_tag(server.names.service))
    server.prepare()
    jump(server, "+0")
    server.ensure()
    server.tool.prepare()


def image_with_clock(image: str) -> str:
    """The collection's own, on which a file says what time it is."""
    tag = f"{image.partition(':')[0]}-clock:test"
    docker.from_env().images.build(fileobj=io.BytesIO(_DOCKERFILE.format(image=image).encode()), tag=tag, rm=True)
    return tag


def jump(server: DurableServer, offset: str) -> None:
    """For the server, and for the archiver beside it, which has a folder of secrets of its own."""
    for consumer in ("db", "archiver"):
        clock = Path(server.env.path("secrets", consumer, "clock"))
        if clock.parent.is_dir():
            fresh = clock.with_name("clock.new")
            fresh.write_text(f"{offset}\n")
            os.chown(fresh, 999, 999)
            fresh.replace(clock)


def promise_of(server: MariadbUnderTest | PostgresUnderTest, backup: Backup) -> Restorable:
    """As if the backup had been proved."""
    proof = Proof(datetime.now(UTC), "", datetime.now(UTC), 1.0, 1, {})
    BackupRecord(server.env, server.engine).write(Record().proved(backup.name, proof))
    return restorable(server.env, server.engine, server.tool)


def kept(backups: list[Backup], proved: Backup) -> bool:
    """Nothing that came after the newest proved one goes, whatever the time is."""
    now = datetime.now(UTC)
    strict = Retention(keep_full=1, keep_days=0, full_every_days=1)
    gone = {name for days in (-1, 0, 1) for name in strict.expired(backups, {proved.name}, now + timedelta(days=days))}
    return not gone & {backup.name for backup in backups[backups.index(proved) :]}


def test_mariadb(mariadb: MariadbUnderTest) -> None:
    tool = mariadb.tool
    mariadb.rows("INSERT INTO steps VALUES (1)")
    full = tool.take("full")
    day = timedelta(days=1)

    jump(mariadb, "+1d")
    eventually(lambda: mariadb.now() - datetime.now(UTC) > day - timedelta(minutes=1), "the clock has jumped")
    mariadb.rows("INSERT INTO steps VALUES (2)")
    tool.archive_now()
    promise = promise_of(mariadb, full)
    assert promise.as_of is not None
    assert promise.as_of <= datetime.now(UTC)
    assert "a clock was changed" in promise.problem

    jump(mariadb, "+0")
    mariadb.rows("INSERT INTO steps VALUES (3)")
    tool.archive_now()
    with pytest.raises(Refusal, match="clock was set back"), mariadb.restored(full, Point(moment=tool.archive_after(full).until)):
        pass

    jump(mariadb, "-1d")
    mariadb.rows("INSERT INTO steps VALUES (4)")
    with pytest.raises(Refusal) as refused:
        # By its clock nobody's certificate is valid yet.
        tool.take("incremental")
    assert "\n" not in str(refused.value)

    jump(mariadb, "+0")
    eventually(mariadb.archives, "it archives")
    assert mariadb.rows("SELECT COUNT(*) FROM steps") == [(4,)]
    assert tool.archive_after(full).gap == ""
    assert promise_of(mariadb, full).problem == ""
    with mariadb.restored(full) as trial:
        assert trial.console.query("SELECT COUNT(*) FROM orders_db.steps") == [["4"]]


def test_postgresql(postgres: PostgresUnderTest) -> None:
    tool = postgres.tool
    postgres.write_steps(1, 1)
    full = tool.take("full")

    jump(postgres, "+1d")
    moment = postgres.write_steps(2, 2)[2]
    assert moment - datetime.now(UTC) > timedelta(hours=23)
    tool.take("incremental")
    promise = promise_of(postgres, full)
    assert promise.as_of is not None
    assert promise.as_of <= datetime.now(UTC)

    jump(postgres, "+0")
    # The archived log reaches this moment for good. Of an idle server it reaches up to now, until the server writes something by itself.
    moment = postgres.write_steps(3, 3)[3]
    tool.archive_now()
    with pytest.raises(Refusal, match="the clock was set back since"):
        tool.take("incremental")
    assert kept(tool.backups(), full)
    with pytest.raises(Refusal, match="clock was set back"), postgres.restored(full, Point(moment=moment)):
        pass

    jump(postgres, "-1d")
    postgres.write_steps(4, 4)
    tool.archive_now()
    jump(postgres, "+0")
    with postgres.restored(full, Point()) as trial:
        assert highest_step(trial) == 4
