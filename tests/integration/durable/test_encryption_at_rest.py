"""What is planted in a database is found in no file of it, nor in the raw volume; without encryption the same search finds it."""

from __future__ import annotations

import hashlib
import mmap
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from docker.errors import APIError

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.engines.mariadb.settings import ENCRYPTION_PROGRESS
from ansible_collections.echobase.platform.plugins.module_utils.environment.database_places import ENGINES
from ansible_collections.echobase.platform.plugins.module_utils.storage import fscrypt
from ansible_collections.echobase.platform.plugins.module_utils.storage.encrypted_folder import EncryptedFolder
from harness.durable_server import DurableServer, durable_server
from harness.waiting import eventually

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="reads raw volumes and mounts file systems, which takes root")

CHANGED_HASH = "*" + "5EC2E7" * 6 + "5EC2"
PLANTED = "planted-text-that-nobody-shall-read"


@contextmanager
def started(engine: str, home: Path, encrypted: bool) -> Iterator[DurableServer]:
    number = 42 + 2 * list(ENGINES).index(engine) + encrypted
    with durable_server(engine, home, f"zz-b-rest-{number}", number) as server:
        server.options["encrypted"] = encrypted
        server.ensure()
        plant(server)
        yield server


@pytest.fixture(scope="module")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DurableServer]:
    with started("mariadb", tmp_path_factory.mktemp("mariadb"), encrypted=True) as server:
        yield server


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DurableServer]:
    """Each test leaves it running, but the last one."""
    with started("postgresql", tmp_path_factory.mktemp("postgres"), encrypted=True) as server:
        yield server


def plant(server: DurableServer) -> None:
    server.sql("migrate_user", "CREATE TABLE planted (id INT PRIMARY KEY, note VARCHAR(80))")
    server.sql("migrate_user", "CREATE INDEX planted_notes ON planted (note)")
    rows = ", ".join(f"({number}, '{PLANTED} {number}')" for number in range(500))
    server.sql("app_user", f"INSERT INTO planted VALUES {rows}")
    # The old rows go to where the server keeps what transactions may want back.
    server.sql("app_user", "UPDATE planted SET note = CONCAT(note, '!') WHERE id < 100")


def found_in(paths: list[Path], *texts: str) -> list[str]:
    found = []
    for path in paths:
        if path.is_file() and path.stat().st_size:
            with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                if any(content.find(text.encode()) >= 0 for text in texts or [PLANTED]):
                    found.append(path.name)
    return found


def hash_of(password: str) -> str:
    """As MariaDB keeps it."""
    return "*" + hashlib.sha1(hashlib.sha1(password.encode()).digest()).hexdigest().upper()


def files_of(server: DurableServer) -> list[Path]:
    os.sync()
    folder = encrypted_folder(server).folder(server.names.volume) if server.engine == "postgresql" else server.folder
    return [path for path in (folder if folder.is_dir() else server.folder).rglob("*") if path.is_file()]


def temporary_files_of(server: DurableServer) -> list[Path]:
    """By name where they have one, else as the server's process has them."""
    process = server.docker.api.inspect_container(server.names.container)["State"]["Pid"]
    nameless = [path for path in Path(f"/proc/{process}/fd").iterdir() if str(path.readlink()).endswith(" (deleted)")]
    return [*nameless, *(path for path in files_of(server) if "#binlog_cache_files" in path.parts)]


def temporary_files_with_planted_text(server: DurableServer) -> list[str]:
    """What a large transaction will log waits in a file of its own."""
    # A table that goes: pages that a table gave back keep what was on them, and are not encrypted when the others are.
    server.sql("migrate_user", "CREATE TABLE scratch LIKE planted")
    with server.connect(autocommit=False) as connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO scratch SELECT a.id * 500 + b.id + 500, a.note FROM planted a, planted b WHERE b.id < 50")
        waiting = temporary_files_of(server)
        assert sum(path.stat().st_size for path in waiting) > 100_000
        found = found_in(waiting)
        connection.rollback()
    server.sql("migrate_user", "DROP TABLE scratch")
    return found


def assert_all_is_there(server: DurableServer) -> None:
    assert len(server.sql("app_user", f"SELECT id FROM planted WHERE note LIKE '{PLANTED}%'")) == 500


def test_nothing_of_mariadb_is_readable_without_the_key(mariadb: DurableServer) -> None:
    assert temporary_files_with_planted_text(mariadb) == []
    sql = Path(mariadb.env.path("secrets", "db", "init.sql")).read_text()
    hashes = {*re.findall(r"USING '([*][0-9A-F]{40})'", sql), hash_of(mariadb.password("root"))}
    assert len(hashes) == 6
    # What changes an account is logged, too.
    mariadb.root(f"ALTER USER monitor_user@'%' IDENTIFIED VIA mysql_native_password USING '{CHANGED_HASH}' REQUIRE SSL")
    mariadb.ensure("stopped")
    assert found_in(files_of(mariadb), PLANTED, CHANGED_HASH, *hashes) == []
    assert mariadb.ensure().facts["ready"]
    assert_all_is_there(mariadb)


def test_a_mariadb_in_the_clear_is_encrypted_while_it_runs(tmp_path: Path) -> None:
    with started("mariadb", tmp_path, encrypted=False) as server:
        assert temporary_files_with_planted_text(server)
        server.ensure("stopped")
        assert {"planted.ibd", "ib_logfile0", "mariadb-bin.000001"} <= set(found_in(files_of(server)))
        server.options["encrypted"] = True
        assert server.ensure().facts["steps"] == ["write configuration", "recreate server", "await login"]
        eventually(lambda: len(set(server.root(ENCRYPTION_PROGRESS)[0])) == 1, "all tablespaces are encrypted")
        server.ensure("stopped")
        # Logs of before go when they are full, or expire.
        tables = [path for path in files_of(server) if path.suffix == ".ibd" or path.name.startswith(("ibdata", "ib_logfile"))]
        assert len(tables) > 3
        assert found_in(tables) == []
        server.ensure()
        assert_all_is_there(server)


def test_nothing_of_postgresql_is_readable_without_the_key(postgres: DurableServer) -> None:
    postgres.sql("app_user", "SET work_mem = '64kB'; SELECT DISTINCT a.note || b.id FROM planted a, planted b LIMIT 1")
    postgres.ensure("stopped")
    # The server's own view of its files, and what of them is on the disk.
    assert found_in(files_of(postgres)) != []
    os.sync()
    assert found_in([encrypted_folder(postgres).image]) == []
    assert postgres.ensure().facts["ready"]
    assert_all_is_there(postgres)


def test_without_encryption_the_search_finds_it(tmp_path: Path) -> None:
    with started("postgresql", tmp_path, encrypted=False) as server:
        server.ensure("stopped")
        assert found_in(files_of(server)) != []
        server.options["encrypted"] = True
        with pytest.raises(Refusal, match=rf"volume {server.names.volume} exists and is not encrypted"):
            server.ensure()


def encrypted_folder(server: DurableServer, size: int = 512 << 20) -> EncryptedFolder:
    return EncryptedFolder(server.env, server.names.service, size)


def lock(server: DurableServer) -> None:
    """As after a restart of the machine."""
    folder = encrypted_folder(server)
    subprocess.run(["umount", folder.mount], check=True)
    # Containers that just start have a copy of all mounts, for a moment.
    attached = ["losetup", "--associated", folder.image]
    eventually(lambda: not subprocess.run(attached, capture_output=True, check=True).stdout, "the kernel forgets the volume and its key")


def test_a_locked_volume_is_never_started_anew_and_opened_by_the_next_set_up(postgres: DurableServer) -> None:
    postgres.ensure("stopped")
    folder = encrypted_folder(postgres)
    lock(postgres)
    # What the engine's restart policy does at boot.
    with pytest.raises(APIError, match="no such file or directory"):
        postgres.docker.api.start(postgres.names.container)

    # Mounted, without its key: there are names, but not the server's.
    subprocess.run(["mount", "-o", "loop", folder.image, folder.mount], check=True)
    assert not folder.is_open()
    with pytest.raises(APIError, match="no such file or directory"):
        postgres.docker.api.start(postgres.names.container)

    assert postgres.ensure(check=True).facts["steps"] == ["open volume", "start server", "await login"]
    assert not folder.is_open()
    assert postgres.ensure().facts["steps"] == ["open volume", "start server", "await login"]
    assert not postgres.ensure().changed
    assert_all_is_there(postgres)

    postgres.ensure("stopped")
    lock(postgres)
    # As the unit does at boot, with nothing but Python.
    script = [sys.executable, "-I", fscrypt.__file__, folder.image, folder.mount, folder.key_file]
    subprocess.run(script, check=True, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
    assert postgres.ensure().facts["steps"] == ["start server", "await login"]


def test_another_key_is_refused_in_one_line(postgres: DurableServer) -> None:
    postgres.ensure("stopped")
    folder = encrypted_folder(postgres)
    lock(postgres)
    right = folder.key_file.read_text()
    folder.key_file.write_text("A" * 43 + "=")
    with pytest.raises(Refusal) as refused:
        folder.open()
    folder.key_file.write_text(right)
    assert refused.value.cause == f"{folder.image} was encrypted with another key than {folder.key_file}"
    assert not folder.is_open()
    folder.open()
    assert folder.is_open()
    postgres.ensure()


def test_a_volume_that_is_nearly_full_says_so(postgres: DurableServer) -> None:
    folder = encrypted_folder(postgres)
    assert folder.shortage() == ""
    space = os.statvfs(folder.mount)
    filler = folder.folder(postgres.names.volume) / "filler"
    subprocess.run(["fallocate", "--length", str(space.f_bavail * space.f_frsize - (20 << 20)), filler], check=True)
    try:
        assert "a larger durable_db_encrypted_size makes it grow" in folder.shortage()
    finally:
        filler.unlink()


def test_it_grows(postgres: DurableServer) -> None:
    before = os.statvfs(encrypted_folder(postgres).mount).f_blocks
    postgres.options["encrypted_size"] = "768m"
    try:
        assert postgres.ensure().facts["steps"] == ["open volume", "await login"]
    except Refusal as refused:
        # The kernel lets only some processes do that to a file system in use.
        assert "cannot grow while the database uses it" in refused.cause
        postgres.ensure("stopped")
        assert postgres.ensure().facts["steps"] == ["open volume", "start server", "await login"]
    assert os.statvfs(encrypted_folder(postgres).mount).f_blocks > before * 1.3
    assert_all_is_there(postgres)
    assert not postgres.ensure().changed


def test_a_disk_without_room_for_it_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    with durable_server("postgresql", tmp_path, "zz-b-rest", 46) as server:
        server.options |= {"encrypted": True, "encrypted_size": "4000t"}
        with pytest.raises(Refusal, match="MiB for the encrypted volume, durable_db_encrypted_size asks for"):
            server.ensure()
        assert server.backend.observe(False).data_fingerprint is None
        assert not encrypted_folder(server).image.exists()


@pytest.mark.parametrize("engine", ENGINES)
def test_the_key_is_in_no_file_that_the_database_writes(mariadb: DurableServer, postgres: DurableServer, engine: str) -> None:
    server = mariadb if engine == "mariadb" else postgres
    secret = Path(server.env.path("secrets", "db", "encryption.keys")).read_text().split(";")[1].strip()
    shown = server.log() + str(server.docker.api.inspect_container(server.names.container))
    shown += str(server.docker.api.inspect_volume(server.names.volume))
    assert secret not in shown
    assert Path(server.env.path("secrets", "volume_key")).read_text() not in shown
    assert Path(server.env.path("secrets", "volume_key")).stat().st_mode & 0o777 == 0o600


def test_deleting_the_data_deletes_the_encrypted_volume(postgres: DurableServer) -> None:
    folder = encrypted_folder(postgres)
    postgres.ensure("absent", confirm=postgres.names.volume, final_backup=False)
    assert not folder.image.exists()
    assert not folder.mount.exists()
