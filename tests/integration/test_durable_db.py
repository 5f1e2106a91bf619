"""Module durable_db on the real engine with a real server, in environment test with a throw-away state folder."""

from __future__ import annotations

import gzip
import os
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pymysql
import pytest
from docker import DockerClient
from docker.errors import NotFound

from ansible_collections.echobase.platform.plugins.module_utils.topology import Environment, environment
from integration.images_under_test import image_tag
from integration.module_runner import RunningModule, run_module

PREFIX = "10.241"
DEADLINE = 60


class Database:
    """The durable database of environment test, as a user of the module has it."""

    def __init__(self, home: Path, engine: DockerClient) -> None:
        self.home = home
        self.key_fingerprint = ""
        self.engine = engine
        self.env: Environment = environment("test", str(home), PREFIX)
        self.container = self.env.mariadb_container
        self.volume = self.env.mariadb_volume

    def arguments(self, state: str = "present", **changes: Any) -> dict[str, Any]:
        arguments = {
            "environment": "test",
            "home": str(self.home),
            "network_prefix": PREFIX,
            "state": state,
            "image": image_tag("mariadb"),
            "key_fingerprint": self.key_fingerprint,
            "buffer_pool": "64M",
        }
        return arguments | changes

    def prepare(self) -> None:
        """What the roles secrets and tls do."""
        arguments = {"environment": "test", "home": str(self.home)}
        secrets = succeeded(run_module("environment_secrets", arguments))
        self.key_fingerprint = str(secrets["key_fingerprint"])
        succeeded(run_module("certificates", arguments | {"network_prefix": PREFIX}))

    def secret(self, *name: str) -> str:
        return Path(self.env.path("secrets", *name)).read_text().strip()

    def ensure(self, state: str = "present", check: bool = False, **changes: Any) -> dict[str, Any]:
        return run_module("durable_db", self.arguments(state, **changes), check=check)

    def connect(self, **changes: Any) -> pymysql.Connection[Any]:
        login = {
            "host": "127.0.0.1",
            "port": self.env.mariadb_port,
            "user": "app_user",
            "password": self.secret("app", "db_password"),
            "database": "orders_db",
            "ssl": ssl.create_default_context(cafile=self.env.path("tls", "ca.crt")),
            "connect_timeout": 5,
            "read_timeout": 10,
            "autocommit": True,
        }
        return pymysql.connect(**(login | changes))

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """As the user of the migrations, who may make tables."""
        login = self.connect(user="migrate_user", password=self.secret("migrate", "db_password"))
        with login as connection, connection.cursor() as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall())

    def inspect(self) -> dict[str, Any] | None:
        return absent_as_none(lambda: self.engine.api.inspect_container(self.container))

    def inspect_volume(self) -> dict[str, Any] | None:
        return absent_as_none(lambda: self.engine.api.inspect_volume(self.volume))

    def kill(self) -> None:
        """By the host's process id: `docker kill` would suppress the restart policy."""
        pids: list[int] = []
        # Process 0 stands for one that does not run, and to kill(2) for the caller's own group.
        wait_until(lambda: pids.append(self.host_pid()) or pids[-1] > 0, "the server's process")
        os.kill(pids[-1], signal.SIGKILL)

    def host_pid(self) -> int:
        inspected = self.inspect()
        return inspected["State"]["Pid"] if inspected else 0

    def remove(self) -> None:
        if self.inspect():
            self.engine.api.remove_container(self.container, force=True)
        if self.inspect_volume():
            self.engine.api.remove_volume(self.volume)


def absent_as_none(inspect: Callable[[], dict[str, Any]]) -> dict[str, Any] | None:
    try:
        return inspect()
    except NotFound:
        return None


def succeeded(answer: dict[str, Any]) -> dict[str, Any]:
    assert "failed" not in answer, answer["msg"]
    return answer


def wait_until(condition: Callable[[], Any], what: str) -> None:
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for: {what}"
        time.sleep(0.005)


@pytest.fixture(scope="module")
def engine() -> Iterator[DockerClient]:
    client = docker.DockerClient.from_env()
    yield client
    client.close()


@pytest.fixture(scope="module", autouse=True)
def networks(engine: DockerClient) -> Iterator[None]:
    arguments = {"environment": "test", "network_prefix": PREFIX}
    succeeded(run_module("networks", arguments))
    yield
    run_module("networks", arguments | {"state": "absent"})


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, engine: DockerClient) -> Iterator[Database]:
    """One that several tests look at, and leave running."""
    database = Database(tmp_path_factory.mktemp("home"), engine)
    database.prepare()
    succeeded(database.ensure())
    yield database
    database.remove()


@pytest.fixture
def database(tmp_path: Path, engine: DockerClient, request: pytest.FixtureRequest) -> Iterator[Database]:
    """None yet: only its secrets and certificates are there."""
    running: Database = request.getfixturevalue("running")
    running.remove()
    database = Database(tmp_path, engine)
    database.key_fingerprint = running.key_fingerprint
    for name in ("secrets", "secrets.json", "tls"):
        copy(Path(running.env.path(name)), Path(database.env.home))
    yield database
    database.remove()


def copy(source: Path, folder: Path) -> None:
    """With owners and modes."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "--archive", source, folder], check=True)


# The tests up to the line below share one running database.


def test_a_running_one_is_reported(running: Database) -> None:
    before = running.inspect()
    answer = running.ensure()
    assert (answer["changed"], answer["steps"], answer["state_before"], answer["ready"]) == (False, [], "running", True)
    assert answer["diff"]["before"] == answer["diff"]["after"]
    assert (answer["container"], answer["volume"], answer["port"]) == (
        "echobase-test-durable-mariadb",
        "echobase-test-durable-mariadb-data",
        3308,
    )
    assert answer["version"].startswith("11.")
    assert answer["tls_cipher"]
    assert before and running.inspect()["Id"] == before["Id"]  # type: ignore[index]
    assert running.ensure(check=True)["changed"] is False


def test_it_listens_on_loopback_and_runs_without_power(running: Database) -> None:
    inspected = running.inspect()
    assert inspected
    assert inspected["NetworkSettings"]["Ports"]["3306/tcp"] == [{"HostIp": "127.0.0.1", "HostPort": "3308"}]
    assert inspected["NetworkSettings"]["Networks"][running.env.durable_network.name]["IPAddress"] == running.env.mariadb_address
    assert inspected["Config"]["User"] == "999:999"
    assert inspected["HostConfig"]["ReadonlyRootfs"]
    assert inspected["HostConfig"]["CapDrop"] == ["ALL"]
    status = Path(f"/proc/{inspected['State']['Pid']}/status").read_text()
    assert "CapEff:\t0000000000000000" in status
    wait_until(lambda: (running.inspect() or {})["State"]["Health"]["Status"] == "healthy", "the container's own health check")


def test_no_secret_shows_in_the_container_or_its_log(running: Database) -> None:
    shown = str(running.inspect()) + running.engine.api.logs(running.container).decode()
    for process in running.engine.api.top(running.container)["Processes"]:
        shown += " ".join(process)
    for name in (("app", "db_password"), ("migrate", "db_password"), ("db", "root_password")):
        assert running.secret(*name) not in shown


def test_an_unencrypted_login_is_refused(running: Database) -> None:
    with pytest.raises(pymysql.err.OperationalError, match=r"insecure transport|Access denied"):
        running.connect(ssl=None, ssl_disabled=True)


def test_root_logs_in_on_the_local_socket_only(running: Database) -> None:
    with pytest.raises(pymysql.err.OperationalError):
        running.connect(user="root", password=running.secret("db", "root_password"), database=None)
    for options in ("--protocol=tcp --host=127.0.0.1", "--protocol=socket"):
        command = ["bash", "-c", f"mariadb --no-defaults {options} --user=root --skip-ssl-verify-server-cert -e 'SELECT 1' 2>&1"]
        run = running.engine.api.exec_create(running.container, command)
        assert b"Access denied" in running.engine.api.exec_start(run["Id"])


def test_commits_are_durable(running: Database) -> None:
    settings = dict(running.query("SHOW VARIABLES"))
    assert (settings["innodb_flush_log_at_trx_commit"], settings["sync_binlog"], settings["log_bin"]) == ("1", "1", "ON")
    assert (settings["character_set_database"], settings["require_secure_transport"]) == ("utf8mb4", "ON")


def test_drift_is_told_and_not_applied_to_a_running_one(running: Database) -> None:
    before = running.inspect()
    answer = running.ensure(buffer_pool="80M")
    assert (answer["changed"], answer["steps"]) == (False, [])
    assert '+ "innodb_buffer_pool_size = 80M",' in answer["drift"]
    assert "durable_db_recreate=always" in answer["warnings"][0]
    assert before and running.inspect()["Id"] == before["Id"]  # type: ignore[index]
    predicted = running.ensure(check=True, buffer_pool="80M", recreate="always")
    assert (predicted["changed"], predicted["steps"]) == (True, ["write configuration", "recreate server", "await login"])


def test_a_renewed_certificate_is_taken_over_without_a_restart(running: Database) -> None:
    before = running.inspect()
    for file in Path(running.env.path("tls")).rglob("*.*"):
        file.unlink()
    running.prepare()
    assert running.ensure(check=True)["steps"] == ["reload certificate", "await login"]
    answer = running.ensure()
    assert (answer["changed"], answer["steps"], answer["ready"]) == (True, ["reload certificate", "await login"], True)
    assert running.ensure()["changed"] is False
    assert before and running.inspect()["State"]["StartedAt"] == before["State"]["StartedAt"]  # type: ignore[index]


def test_other_keys_are_refused(running: Database) -> None:
    answer = running.ensure(key_fingerprint="fedcba9876543210")
    assert f"volume {running.volume} was made with other keys (fingerprint {running.key_fingerprint})" in answer["msg"]


def test_a_wrong_password_is_told_at_once(running: Database) -> None:
    password = Path(running.env.path("secrets", "app", "db_password"))
    right = password.read_text()
    password.write_text("wrong")
    try:
        answer = running.ensure()
    finally:
        password.write_text(right)
    assert f"{running.container} refuses app_user: " in answer["msg"]
    assert "restore the secrets.json" in answer["remedy"]


@pytest.mark.parametrize("check", [True, False])
def test_a_wrong_confirmation_changes_nothing_and_shows_the_name(running: Database, check: bool) -> None:
    before = running.inspect()
    answer = running.ensure("absent", check=check, confirm="echobase-test-durable-mariadb")
    assert answer["failed"]
    assert f"durable_db_confirm={running.volume}" in answer["remedy"]
    assert before and running.inspect()["Id"] == before["Id"]  # type: ignore[index]


def test_a_kill_9_loses_no_acknowledged_row(running: Database) -> None:
    running.query("CREATE TABLE kept (id INT PRIMARY KEY)")
    acknowledged: list[int] = []
    refused = 0
    enough = threading.Event()

    def write() -> None:
        nonlocal refused
        number = 0
        connection = None
        while not enough.is_set():
            number += 1
            try:
                connection = connection or running.connect()
                with connection.cursor() as cursor:
                    cursor.execute("INSERT INTO kept VALUES (%s)", (number,))
                acknowledged.append(number)
            except (pymysql.err.Error, OSError):
                refused += 1
                connection = None

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(3):
            before = len(acknowledged)
            wait_until(lambda before=before: len(acknowledged) > before + 200, "rows before the kill")
            running.kill()
            after = len(acknowledged)
            wait_until(lambda after=after: len(acknowledged) > after + 200, "the server to come back by itself")
    finally:
        enough.set()
        writer.join()
    assert refused > 0
    assert {row[0] for row in running.query("SELECT id FROM kept")} >= set(acknowledged)
    assert running.ensure()["changed"] is False


# The tests from here on begin without a database.


def test_a_certificate_in_a_folder_that_was_made_anew_needs_a_restart_and_says_so(database: Database) -> None:
    database.ensure()
    shutil.rmtree(database.env.path("tls"))
    database.prepare()
    answer = database.ensure()
    assert "Unable to get certificate" in answer["msg"]
    assert answer["remedy"].startswith("durable_db_state=stopped and then present")
    database.ensure("stopped")
    assert database.ensure()["ready"]


def test_its_whole_life(database: Database) -> None:
    predicted = database.ensure(check=True)
    assert (predicted["changed"], database.inspect(), database.inspect_volume()) == (True, None, None)
    assert not Path(database.env.path("compose")).exists()
    made = database.ensure()
    assert (made["changed"], made["ready"], made["diff"], made["steps"]) == (True, True, predicted["diff"], predicted["steps"])
    database.query("CREATE TABLE kept (note VARCHAR(20))")
    database.query("INSERT INTO kept VALUES ('still here')")

    assert database.ensure("stopped", check=True)["changed"] is True
    stopped = database.ensure("stopped")
    assert (stopped["changed"], stopped["state_before"], stopped["state_after"]) == (True, "running", "stopped")
    assert database.ensure("stopped")["changed"] is False
    assert "Shutdown complete" in database.engine.api.logs(database.container, tail=3).decode()
    started = database.ensure()
    assert (started["changed"], started["steps"]) == (True, ["start server", "await login"])
    assert database.query("SELECT note FROM kept") == [("still here",)]

    assert database.ensure("absent", check=True)["steps"] == ["stop server", "remove server"]
    assert database.inspect()
    removed = database.ensure("absent")
    assert (removed["changed"], removed["keys_removed"], database.inspect()) == (True, False, None)
    assert database.ensure("absent")["changed"] is False
    assert database.ensure()["steps"] == ["write configuration", "create server", "await login"]
    assert database.query("SELECT note FROM kept") == [("still here",)]


def test_the_typed_name_deletes_the_data_and_a_final_backup_brings_them_back(database: Database) -> None:
    database.ensure()
    database.query("CREATE TABLE kept (note VARCHAR(20))")
    database.query("INSERT INTO kept VALUES ('Grüße')")
    assert database.ensure("absent", check=True, confirm=database.volume)["keys_removed"] is True
    assert database.inspect_volume()

    # Also a server that was already taken away is backed up first.
    database.ensure("absent")
    answer = database.ensure("absent", confirm=database.volume)
    assert (answer["changed"], answer["keys_removed"], database.inspect(), database.inspect_volume()) == (True, True, None, None)
    assert not list(Path(database.env.home).glob("secrets*"))
    assert database.ensure("absent", confirm=database.volume)["changed"] is False
    folder = Path(answer["backup"])
    assert folder.parent == database.home / "final-backups"
    assert (folder / "secrets.json").stat().st_mode & 0o777 == 0o600

    shutil.copy(folder / "secrets.json", database.env.home)
    database.prepare()
    succeeded(database.ensure())
    statements = gzip.decompress((folder / "all-databases.sql.gz").read_bytes())
    restore = """exec mariadb --defaults-extra-file=<(printf '[client]\\npassword="%s"\\n' "$(</run/secrets/root_password)") --user=root"""
    subprocess.run(["docker", "exec", "-i", database.container, "bash", "-c", restore], input=statements, check=True)
    assert database.query("SELECT note FROM kept") == [("Grüße",)]
    assert database.ensure()["changed"] is False


def test_without_a_final_backup_if_told_so(database: Database) -> None:
    database.ensure()
    answer = database.ensure("absent", confirm=database.volume, final_backup=False)
    assert (answer["backup"], database.inspect_volume()) == (None, None)
    assert not (database.home / "final-backups").exists()


def test_data_stay_when_their_backup_is_impossible(database: Database) -> None:
    database.ensure()
    database.ensure("absent")
    answer = database.ensure("absent", confirm=database.volume, image="echobase/mariadb:nowhere")
    assert "cannot run without: image echobase/mariadb:nowhere" in answer["msg"]
    assert "durable_db_final_backup=false" in answer["remedy"]
    assert database.inspect_volume()


def test_a_stopped_one_takes_a_new_configuration_when_it_starts(database: Database) -> None:
    database.ensure()
    database.ensure("stopped")
    answer = database.ensure(buffer_pool="80M")
    assert answer["steps"] == ["write configuration", "recreate server", "await login"]
    assert dict(database.query("SHOW VARIABLES LIKE 'innodb_buffer_pool_size'")) == {"innodb_buffer_pool_size": str(80 << 20)}
    assert database.ensure(buffer_pool="80M")["changed"] is False
    assert database.ensure(buffer_pool="64M", recreate="always")["changed"] is True
    assert dict(database.query("SHOW VARIABLES LIKE 'innodb_buffer_pool_size'")) == {"innodb_buffer_pool_size": str(64 << 20)}


def test_two_at_once_both_succeed(database: Database) -> None:
    started = [RunningModule("durable_db", database.arguments()) for _ in range(2)]
    answers = [module.answer() for module in started]
    assert [answer.get("ready") for answer in answers] == [True, True], answers
    assert sorted(answer["changed"] for answer in answers) == [False, True]


# In this order an initialisation makes them; a kill as each appears leaves another kind of half.
@pytest.mark.parametrize("trace", [".initialising", "mysql", "orders_db"])
def test_a_kill_9_in_the_first_initialisation_leaves_no_half_database(database: Database, trace: str) -> None:
    presence = RunningModule("durable_db", database.arguments())
    wait_until(database.inspect_volume, "the volume")
    data = Path((database.inspect_volume() or {})["Mountpoint"])
    wait_until((data / trace).exists, trace)
    database.kill()
    answer = presence.answer()
    assert answer.get("ready"), answer
    assert database.ensure()["changed"] is False
    assert not (data / ".initialising").exists()
    assert database.query("SELECT 1") == [(1,)]
    assert b"an earlier initialisation was interrupted" in database.engine.api.logs(database.container)


def test_what_others_made_is_left_alone(database: Database) -> None:
    image = image_tag("mariadb")
    foreign = database.engine.api.create_container(image, name=database.container, command="true")["Id"]
    for state in ("present", "stopped", "absent"):
        answer = database.ensure(state)
        assert f"container {database.container} exists and was not made by echobase: left alone" in answer["msg"]
    assert (database.inspect() or {})["Id"] == foreign
    database.engine.api.remove_container(foreign)

    database.engine.api.create_volume(database.volume)
    for state, confirm in (("present", ""), ("absent", database.volume)):
        answer = database.ensure(state, confirm=confirm)
        assert f"volume {database.volume} exists and was not made by echobase" in answer["msg"]
    assert database.inspect_volume()


@pytest.mark.parametrize("check", [True, False])
def test_a_taken_port_names_its_process(database: Database, check: bool) -> None:
    with socket.create_server(("127.0.0.1", database.env.mariadb_port)):
        answer = database.ensure(check=check)
    assert f"the database's port 3308 is taken by process {os.getpid()} (" in answer["msg"]
    assert (database.inspect(), database.inspect_volume()) == (None, None)


def test_a_taken_port_names_its_container(database: Database) -> None:
    host = database.engine.api.create_host_config(port_bindings={3306: ("127.0.0.1", database.env.mariadb_port)})
    other = database.engine.api.create_container(
        image_tag("mariadb"), ["sleep", "600"], name="zz-durabledb-other", ports=[3306], host_config=host, entrypoint=""
    )
    try:
        database.engine.api.start(other["Id"])
        assert "the database's port 3308 is taken by container zz-durabledb-other" in database.ensure()["msg"]
    finally:
        database.engine.api.remove_container(other["Id"], force=True, v=True)


def test_what_is_missing_is_named_before_anything_is_made(database: Database) -> None:
    Path(database.env.path("tls", "db", "tls.key")).unlink()
    answer = database.ensure(image="echobase/mariadb:nowhere", key_fingerprint="")
    assert f"image echobase/mariadb:nowhere, {database.env.path('tls', 'db', 'tls.key')}" in answer["msg"]
    assert "the fingerprint of the environment's keys" in answer["msg"]
    assert "\n" not in answer["msg"]
    assert database.inspect_volume() is None


def test_a_server_that_cannot_start_says_why(database: Database) -> None:
    Path(database.env.path("tls", "db", "tls.key")).write_text("no key")
    answer = database.ensure()
    assert f"{database.container} keeps dying; its last words: " in answer["msg"]
    assert "SSL" in answer["msg"]


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a tiny file system, which takes root")
def test_a_full_disk_is_one_line_and_nothing_is_made(database: Database) -> None:
    state = database.home / "tiny"
    state.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", state], check=True)
    try:
        copy(Path(database.env.home), state)
        with pytest.raises(OSError, match="No space left"), (state / "filler").open("wb", buffering=0) as filler:
            while True:
                filler.write(bytes(4096))
        answer = database.ensure(home=str(state))
    finally:
        subprocess.run(["umount", state], check=True)
    assert answer["msg"].startswith("cannot write ")
    assert "No space left on device" in answer["msg"]
    assert (database.inspect(), database.inspect_volume()) == (None, None)
