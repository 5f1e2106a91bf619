"""Keys of data that exist are changed, on real servers of both engines: all is readable before and afterwards, by the new key alone."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pymysql
import pytest

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.base.progress import Progress
from ansible_collections.echobase.platform.plugins.module_utils.credentials.environment_secrets import EnvironmentSecrets
from ansible_collections.echobase.platform.plugins.module_utils.database.backup_tool import Backup, Point
from ansible_collections.echobase.platform.plugins.module_utils.durable_db.trial_server import trial_server
from ansible_collections.echobase.platform.plugins.module_utils.engines.mariadb.settings import ENCRYPTION_PROGRESS
from ansible_collections.echobase.platform.plugins.module_utils.environment.locks import trial_lock
from ansible_collections.echobase.platform.plugins.module_utils.restore.journal import GenerationJournal
from ansible_collections.echobase.platform.plugins.module_utils.restore.restore import DatabaseRestore
from ansible_collections.echobase.platform.plugins.module_utils.rotation.data_key import DataKeyRotation
from ansible_collections.echobase.platform.plugins.module_utils.rotation.repository_key import RepositoryKeyRotation
from ansible_collections.echobase.platform.plugins.module_utils.rotation.root_password import RootPasswordRotation
from ansible_collections.echobase.platform.plugins.module_utils.rotation.volume_key import VolumeKeyRotation
from ansible_collections.echobase.platform.plugins.module_utils.storage import fscrypt
from ansible_collections.echobase.platform.plugins.module_utils.storage.encrypted_folder import EncryptedFolder
from harness.mariadb_under_test import MariadbUnderTest, Writer
from harness.postgres_under_test import PostgresUnderTest, highest_step
from harness.waiting import eventually

pytestmark = [pytest.mark.skipif(os.geteuid() != 0, reason="mounts file systems and reads raw volumes, which takes root"), pytest.mark.long]

KEPT = [("kept",)]
# What a server compares its administrator's password with.
VERIFIER = {
    "mariadb": "SELECT JSON_VALUE(priv, '$.authentication_string') FROM mysql.global_priv WHERE User = 'root'",
    "postgresql": "SELECT rolpassword FROM pg_authid WHERE rolname = 'postgres'",
}


@pytest.fixture(scope="module")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariadbUnderTest]:
    """The tests below go through its life, one after the other."""
    server = MariadbUnderTest(tmp_path_factory.mktemp("home"), "zz-k-keys", 70)
    try:
        server.ensure()
        server.tool.prepare()
        server.rows(
            "CREATE TABLE planted (id INT AUTO_INCREMENT PRIMARY KEY, note VARCHAR(80))", "INSERT INTO planted (note) VALUES ('kept')"
        )
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="module")
def of_before(mariadb: MariadbUnderTest) -> Backup:
    return mariadb.tool.take("full")


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresUnderTest]:
    server = PostgresUnderTest(tmp_path_factory.mktemp("home"), "zz-k-volume", 71)
    server.options["encrypted"] = True
    try:
        server.ensure()
        server.write_steps(1, 20)
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="module")
def of_postgres(postgres: PostgresUnderTest) -> Backup:
    postgres.tool.prepare()
    return postgres.tool.take("full")


def secret(server: MariadbUnderTest | PostgresUnderTest, *path: str) -> str:
    return Path(server.env.path("secrets", *path)).read_text()


def killed(at: str, rotate: Callable[[Callable[[str], None]], object]) -> None:
    """In a process of its own, by SIGKILL, when it gets there."""
    child = os.fork()
    if child == 0:
        try:
            rotate(lambda step: os.kill(os.getpid(), signal.SIGKILL) if step == at else None)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), f"it never came to {at}"


def rotate_data_key(server: MariadbUnderTest, reached: Callable[[str], None] = lambda _: None) -> dict[str, str]:
    client = docker.from_env(timeout=600)
    rotation = DataKeyRotation(client, server.env, server.engine, server.tool, server.secrets(), Progress(None), reached)
    return rotation.run(check_mode=False).facts


def rotate_backup_key(server: MariadbUnderTest | PostgresUnderTest) -> dict[str, Any]:
    client = docker.from_env(timeout=600)
    rotation = RepositoryKeyRotation(client, server.env, server.engine, server.target, server.secrets(), Progress(None))
    return rotation.run(check_mode=False).facts


def test_the_repository_takes_another_password_while_it_is_used(mariadb: MariadbUnderTest, of_before: Backup) -> None:
    old = secret(mariadb, "db", "backup_key")
    assert rotate_backup_key(mariadb)["removed"] == 1
    file = Path(mariadb.env.path("secrets", "archiver", "backup_key"))
    new = file.read_text()
    assert new != old
    mariadb.tool.archive_now()
    assert mariadb.tool.backups() == [of_before]
    file.write_text(old)
    with pytest.raises(Refusal, match="wrong password or no key found"):
        mariadb.tool.backups()
    file.write_text(new)
    assert mariadb.prepare()
    assert not mariadb.ensure().changed


class KilledError(Exception):
    pass


def rotate_root_password(server: MariadbUnderTest | PostgresUnderTest, until: str = "") -> None:
    def reached(step: str) -> None:
        if step == until:
            raise KilledError

    client = docker.from_env(timeout=600)
    RootPasswordRotation(client, server.env, server.engine, server.secrets(), reached).run(check_mode=False)


def another_root_password(server: MariadbUnderTest | PostgresUnderTest) -> None:
    """Cut off at each step on the way, and whoever has to log in as the administrator meanwhile can."""
    of_server = server.root(VERIFIER[server.engine])
    fingerprint = server.prepare()
    for step in ("kept", "both taken", "changed"):
        with pytest.raises(KilledError):
            rotate_root_password(server, step)
        assert server.console.is_answering()
    rotate_root_password(server)
    assert server.root(VERIFIER[server.engine]) != of_server
    assert "db_root_password_next" not in server.secrets().known()
    # It is what the volume's label says.
    assert server.prepare() == fingerprint
    assert not server.ensure().changed


def lets_in(server: MariadbUnderTest, password: str) -> bool:
    line = f'mariadb --defaults-extra-file=<(printf "[client]\\npassword={password}\\n") --user=root --execute "SELECT 1"'
    return bool(server.docker.containers.get(server.container).exec_run(["bash", "-c", line]).exit_code == 0)


def test_the_administrators_password_changes_under_load_and_data_of_before_take_it_over(
    mariadb: MariadbUnderTest, of_before: Backup
) -> None:
    mark = mariadb.tool.mark()[0]
    mariadb.tool.archive_now()
    old = mariadb.password("root")
    with Writer(mariadb) as writer:
        writer.await_more(5)
        another_root_password(mariadb)
        writer.await_more(5)
    mariadb.sql("app_user", "SELECT 1")
    assert mariadb.rows("SELECT COUNT(*) FROM numbered") == [(len(writer.transactions),)]
    assert [lets_in(mariadb, password) for password in (old, mariadb.password("root"))] == [False, True]
    with mariadb.restored(of_before, Point(mark=mark)) as trial:
        trial.log_in_as_application()
        assert trial.console.query("SELECT note FROM orders_db.planted") == [["kept"]]
        assert trial.console.query(VERIFIER["mariadb"]) == mariadb.root(VERIFIER["mariadb"])
    # A kept generation is no more than this: data whose administrator has the password of then.
    mariadb.root(f"SET sql_log_bin = 0; ALTER USER root@localhost IDENTIFIED BY '{old}'")
    assert not mariadb.console.is_answering()
    mariadb.docker.api.restart(mariadb.container)
    eventually(mariadb.console.is_answering, "the administrator has the password that is kept")
    assert not lets_in(mariadb, old)


def test_a_copy_that_is_cut_off_is_gone_back_from(mariadb: MariadbUnderTest, of_before: Backup) -> None:
    killed("closed", lambda reached: rotate_data_key(mariadb, reached))
    with pytest.raises(pymysql.Error):
        mariadb.rows("SELECT 1")
    restore = DatabaseRestore(mariadb.docker, mariadb.env, "mariadb", mariadb.tool, Progress(None))
    with pytest.raises(Refusal, match="nothing is built"):
        restore.run("live", "", mariadb.names.volume, check_mode=False)
    assert restore.run("abandoned", "", "", check_mode=False).changed
    mariadb.rows("UPDATE planted SET note = 'kept'")


def test_a_copy_that_is_cut_off_is_gone_on_with(mariadb: MariadbUnderTest, of_before: Backup) -> None:
    killed("copied", lambda reached: rotate_data_key(mariadb, reached))
    # Nobody writes; whoever looks sees all.
    assert mariadb.root("SELECT note FROM orders_db.planted") == [["kept"]]
    with pytest.raises(Refusal, match="cut off while copying: nobody can write"):
        GenerationJournal(mariadb.env).refuse_under_way()
    facts = rotate_data_key(mariadb)
    assert (facts["generation"], facts["previous"]) == ("000002", "000001")
    assert mariadb.rows("SELECT note FROM planted") == KEPT
    mariadb.rows("INSERT INTO planted (note) VALUES ('afterwards')")
    encrypted, all_of_them = mariadb.root(ENCRYPTION_PROGRESS)[0]
    assert encrypted == all_of_them
    assert not mariadb.ensure().changed


def test_backups_of_before_and_of_afterwards_are_restored_each_with_its_key(mariadb: MariadbUnderTest, of_before: Backup) -> None:
    with mariadb.restored(of_before) as trial:
        assert trial.console.query("SELECT note FROM orders_db.planted") == [["kept"]]
    afterwards = mariadb.tool.take("incremental")
    assert afterwards.kind == "full"
    with mariadb.restored(afterwards) as trial:
        assert trial.console.query("SELECT note FROM orders_db.planted ORDER BY id") == [["kept"], ["afterwards"]]


def test_the_old_key_alone_opens_nothing(mariadb: MariadbUnderTest) -> None:
    mariadb.ensure("stopped")
    note = mariadb.folder / "generations" / "000002" / "encryption-key"
    # The second was made by the run that was abandoned.
    assert note.read_text() == "encryption-3.keys\n"
    note.unlink()
    with (
        trial_lock(mariadb.env.name),
        pytest.raises(Refusal, match="the trial server on the restored data ended"),
        trial_server(mariadb.docker, mariadb.env, "mariadb", mariadb.names.volume, "generations/000002"),
    ):
        pass
    note.write_text("encryption-3.keys\n")
    os.chown(note, 999, 999)
    key = Path(mariadb.env.path("secrets", "db", "encryption-3.keys"))
    content = key.read_text()
    key.unlink()
    mariadb.docker.api.start(mariadb.names.container)
    eventually(
        lambda: "the data were made with the key in encryption-3.keys, which is not there" in mariadb.log(), "it says what is missing"
    )
    mariadb.docker.api.stop(mariadb.names.container)
    assert mariadb.ensure().facts["ready"]
    assert key.read_text() == content
    assert len(mariadb.rows("SELECT note FROM planted")) == 2
    secrets = Path(mariadb.env.path("secrets.json"))
    secrets.write_text(secrets.read_text().replace("db_encryption_key_3", "misspelt"))
    with pytest.raises(Refusal, match="lacks: db_encryption_key_3"):
        EnvironmentSecrets(mariadb.env, None, data=lambda: [f"volume {mariadb.names.volume}"]).present(check=True)


def rotate_volume_key(server: PostgresUnderTest, reached: Callable[[str], None] = lambda _: None) -> None:
    client = docker.from_env(timeout=600)
    VolumeKeyRotation(client, server.env, server.engine, server.secrets(), Progress(None), reached).run(check_mode=False)


def test_a_volume_takes_another_key_although_it_is_cut_off_and_no_row_is_lost(postgres: PostgresUnderTest) -> None:
    written = [20]

    def write() -> None:
        """Until the server stops."""
        with contextlib.suppress(Refusal):
            while True:
                postgres.write_steps(written[-1] + 1, written[-1] + 1)
                written.append(written[-1] + 1)

    old = secret(postgres, "volume_key")
    folder = EncryptedFolder(postgres.env, postgres.names.service)
    before = fscrypt.key_of(folder.mount / fscrypt.ENCRYPTED)
    assert before
    writer = threading.Thread(target=write)
    writer.start()
    eventually(lambda: len(written) > 2, "rows are written")
    killed("exchanged", lambda reached: rotate_volume_key(postgres, reached))
    writer.join()
    with pytest.raises(Refusal, match="another key") as refused:
        folder.open()
    assert "rotate=db_volume_key` again" in refused.value.remedy
    rotate_volume_key(postgres)
    after = fscrypt.key_of(folder.mount / fscrypt.ENCRYPTED)
    assert after not in (None, before)
    assert secret(postgres, "volume_key") != old
    # What was encrypted with the old one is gone, and the kernel knows it no more.
    assert [path.name for path in folder.mount.iterdir() if path.name != "lost+found"] == [fscrypt.ENCRYPTED]
    assert not fscrypt.has_key(folder.mount, before)
    assert highest_step(postgres) >= written[-1] > 20
    assert not postgres.ensure().changed


def test_the_administrators_password_of_postgresql_changes_and_a_backup_of_before_is_restored(
    postgres: PostgresUnderTest, of_postgres: Backup
) -> None:
    mark = postgres.tool.mark()[0]
    steps = highest_step(postgres)
    another_root_password(postgres)
    postgres.sql("app_user", "SELECT 1")
    postgres.tool.archive_now()
    with postgres.restored(of_postgres, Point(mark=mark)) as trial:
        trial.log_in_as_application()
        assert highest_step(trial) == steps
        assert trial.console.query(VERIFIER["postgresql"]) == postgres.root(VERIFIER["postgresql"])


def test_a_repository_that_cannot_take_another_key_is_put_aside_with_its_own(postgres: PostgresUnderTest, of_postgres: Backup) -> None:
    old = secret(postgres, "db", "backup_key")
    aside = Path(rotate_backup_key(postgres)["put_aside"])
    assert postgres.tool.backups() == []
    after = postgres.tool.take("full")
    postgres.tool.archive_now()
    assert postgres.tool.archive_after(after).gap == ""
    # The way back to it: both in their old places.
    key = Path(postgres.env.path("secrets", "db", "backup_key"))
    new = key.read_text()
    assert new != old
    postgres.ensure("stopped")
    postgres.repository.rename(postgres.repository.with_name("new"))
    aside.rename(postgres.repository)
    with pytest.raises(Refusal, match="unable to load info file"):
        postgres.tool.backups()
    key.write_text(old)
    assert postgres.tool.backups() == [of_postgres]
