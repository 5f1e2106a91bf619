"""Module durable_db on the real engine with real servers, in environment test with a throw-away state folder."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from docker import DockerClient

from ansible_collections.echobase.platform.plugins.module_utils.environment.database_places import ENGINES
from harness.database_conformance import DatabaseConformance
from harness.database_under_test import PREFIX, REFUSED, DatabaseUnderTest, copy, succeeded
from harness.images_under_test import image_tag
from harness.module_runner import run_module
from harness.waiting import eventually

pytestmark = pytest.mark.long_on("postgresql")

NETWORKS = {"environment": "test", "network_prefix": PREFIX}


@pytest.fixture(scope="module")
def engine() -> Iterator[DockerClient]:
    client = docker.DockerClient.from_env()
    yield client
    client.close()


@pytest.fixture(scope="module", autouse=True)
def networks(engine: DockerClient) -> Iterator[None]:
    succeeded(run_module("networks", NETWORKS))
    yield
    run_module("networks", NETWORKS | {"state": "absent"})


@pytest.fixture(scope="module", params=ENGINES)
def shared(tmp_path_factory: pytest.TempPathFactory, engine: DockerClient, request: pytest.FixtureRequest) -> Iterator[DatabaseUnderTest]:
    database = DatabaseUnderTest(tmp_path_factory.mktemp("home"), engine, request.param)
    database.prepare()
    yield database
    database.remove()


@pytest.fixture
def running(shared: DatabaseUnderTest) -> DatabaseUnderTest:
    if not shared.inspect():
        succeeded(shared.ensure())
    return shared


@pytest.fixture
def database(shared: DatabaseUnderTest, tmp_path: Path, engine: DockerClient) -> Iterator[DatabaseUnderTest]:
    """The names are the environment's, so the shared one goes, and comes back when it is wanted again."""
    shared.remove()
    database = DatabaseUnderTest(tmp_path, engine, shared.engine)
    database.key_fingerprint = shared.key_fingerprint
    for name in ("secrets", "secrets.json", "key-fingerprints.json", "tls"):
        copy(Path(shared.env.path(name)), Path(database.env.home))
    yield database
    database.remove()


class TestInAContainer(DatabaseConformance):
    # These share one running database.

    def test_it_listens_on_loopback_and_runs_without_power(self, running: DatabaseUnderTest) -> None:
        inspected = running.inspect()
        assert inspected
        port = f"{running.names.container_port}/tcp"
        assert inspected["NetworkSettings"]["Ports"][port] == [{"HostIp": "127.0.0.1", "HostPort": str(running.names.port)}]
        assert inspected["NetworkSettings"]["Networks"][running.env.durable_network.name]["IPAddress"] == running.names.address
        assert inspected["Config"]["User"] == "999:999"
        assert inspected["HostConfig"]["ReadonlyRootfs"]
        assert inspected["HostConfig"]["CapDrop"] == ["ALL"]
        assert inspected["Config"]["StopTimeout"] >= 120
        status = Path(f"/proc/{inspected['State']['Pid']}/status").read_text()
        assert "CapEff:\t0000000000000000" in status
        eventually(lambda: (running.inspect() or {})["State"]["Health"]["Status"] == "healthy", "the container's own health check")

    def test_it_is_encrypted_as_far_as_it_was_asked_for(self, running: DatabaseUnderTest) -> None:
        wanted = {"mariadb": "complete", "postgresql": "off"}[running.engine]
        eventually(lambda: running.info()["encryption"] == wanted, f"encryption to be {wanted}")

    def test_no_secret_shows_in_the_container_or_its_log(self, running: DatabaseUnderTest) -> None:
        shown = str(running.inspect()) + running.log
        for process in running.docker.api.top(running.container)["Processes"]:
            shown += " ".join(process)
        secrets = list(Path(running.env.path("secrets")).rglob("*password"))
        assert len(secrets) > 4
        for file in secrets:
            assert file.read_text().strip() not in shown

    def test_a_renewed_certificate_is_taken_over_without_a_restart(self, running: DatabaseUnderTest) -> None:
        before = running.inspect()
        for file in Path(running.env.path("tls")).rglob("*.*"):
            file.unlink()
        running.prepare()
        assert running.ensure(check=True)["steps"] == ["reload certificate", "await login"]
        answer = running.ensure()
        assert (answer["changed"], answer["steps"], answer["ready"]) == (True, ["reload certificate", "await login"], True)
        assert running.ensure()["changed"] is False
        assert before and running.inspect()["State"]["StartedAt"] == before["State"]["StartedAt"]  # type: ignore[index]

    def test_other_accounts_are_applied_to_a_running_one(self, running: DatabaseUnderTest) -> None:
        arguments = {"environment": "test", "home": str(running.home), "renew": ["db_monitor_password", "db_app_password"]}
        before = running.secret("app", "db_password")
        succeeded(run_module("environment_secrets", arguments))
        assert running.secret("app", "db_password") != before
        with pytest.raises(REFUSED):
            running.connect()
        assert running.ensure(check=True)["steps"] == ["apply accounts", "await login"]
        answer = running.ensure()
        assert (answer["changed"], answer["steps"], answer["ready"]) == (True, ["apply accounts", "await login"], True)
        running.connect().close()
        with pytest.raises(REFUSED):
            running.connect(password=before)
        assert running.ensure()["changed"] is False

    def test_a_file_that_was_changed_by_hand_is_as_it_was(self, running: DatabaseUnderTest) -> None:
        name = {"mariadb": "my.cnf", "postgresql": "postgresql.conf"}[running.engine]
        file = Path(running.env.path(running.names.service, name))
        file.write_text(file.read_text().replace("200", "100"))
        answer = running.ensure()
        assert (answer["changed"], answer["steps"]) == (True, ["write configuration", "await login"])
        assert "100" in str(answer["diff"]["before"]["configuration"][file.name]["max_connections"])
        assert running.ensure()["changed"] is False

    def test_a_database_of_another_engine_is_told_and_left_alone(self, running: DatabaseUnderTest) -> None:
        other = running.env.server(next(name for name in ENGINES if name != running.engine)).volume
        running.docker.api.create_volume(other, labels={"io.echobase.environment": "test"})
        try:
            answer = running.ensure()
            predicted = running.ensure("absent", check=True, confirm=running.volume, final_backup=False)
        finally:
            running.docker.api.remove_volume(other)
        assert (answer["changed"], f"volume {other} of another engine exists" in answer["warnings"][0]) == (False, True)
        assert (predicted["keys_removed"], f"without them: volume {other}" in predicted["warnings"][0]) == (False, True)

    # From here on they begin without a database.

    def test_a_certificate_in_a_folder_that_was_made_anew_needs_a_restart_and_says_so(self, database: DatabaseUnderTest) -> None:
        database.ensure()
        shutil.rmtree(database.env.path("tls"))
        database.prepare()
        answer = database.ensure()
        assert "was made anew" in answer["msg"]
        assert answer["remedy"].startswith("run `playbooks/setup_durable.yml -e durable_db_state=stopped`, then")
        database.ensure("stopped")
        assert database.ensure()["ready"]

    @pytest.mark.engines("postgresql")
    def test_without_a_final_backup_if_told_so(self, database: DatabaseUnderTest) -> None:
        database.ensure()
        answer = database.ensure("absent", confirm=database.volume, final_backup=False)
        assert (answer["backup"], database.inspect_volume()) == (None, None)
        assert not (database.home / "final-backups").exists()

    @pytest.mark.engines("mariadb")
    def test_data_stay_when_their_backup_is_impossible_and_keys_while_there_are_backups(self, database: DatabaseUnderTest) -> None:
        database.ensure()
        repository = Path(database.env.path("backups", database.engine))
        assert (repository.stat().st_uid, repository.stat().st_mode & 0o777) == (999, 0o700)
        (repository / "backup").touch()
        database.ensure("absent")
        answer = database.ensure("absent", confirm=database.volume, image="echobase/database:nowhere")
        assert "cannot run without: image echobase/database:nowhere" in answer["msg"]
        assert "durable_db_final_backup=false" in answer["remedy"]
        assert database.inspect_volume()
        answer = database.ensure("absent", confirm=database.volume, final_backup=False)
        assert (answer["keys_removed"], f"without them: the backups in {repository}" in answer["warnings"][0]) == (False, True)
        assert Path(database.env.path("secrets.json")).exists()

    def test_whatever_was_taken_away_by_hand_comes_back_with_the_data(self, database: DatabaseUnderTest) -> None:
        database.ensure()
        database.query("CREATE TABLE kept (note VARCHAR(20))")
        database.query("INSERT INTO kept VALUES ('still here')")
        # The container, while it serves, and its description.
        database.docker.api.remove_container(database.container, force=True)
        shutil.rmtree(database.env.path("compose"))
        assert database.ensure()["steps"] == ["write configuration", "create server", "await login"]
        # Its network, which leaves the server attached to nothing.
        network = database.env.durable_network.name
        database.docker.api.disconnect_container_from_network(database.container, network, force=True)
        database.docker.api.remove_network(network)
        answer = database.ensure()
        assert f"the database cannot run without: network {network}" in answer["msg"]
        succeeded(run_module("networks", NETWORKS))
        assert database.ensure()["steps"] == ["write configuration", "recreate server", "await login"]
        # All that is outside the volume but the keys: what a fresh clone on another day finds.
        database.docker.api.remove_container(database.container, force=True)
        for name in ("compose", "secrets", "tls", database.names.service):
            shutil.rmtree(database.env.path(name))
        database.prepare()
        assert database.ensure()["ready"]
        assert database.query("SELECT note FROM kept") == [("still here",)]

    @pytest.mark.engines("postgresql")
    def test_an_image_of_the_same_name_with_another_content_is_drift(self, database: DatabaseUnderTest) -> None:
        name = "echobase/zz-durable-db"
        database.docker.images.get(database.image).tag(name, "same")
        try:
            database.ensure(image=f"{name}:same")
            other = {"mariadb": "postgres", "postgresql": "mariadb"}[database.engine]
            database.docker.images.get(image_tag(other)).tag(name, "same")
            assert "content of the image: sha256:" in database.ensure(image=f"{name}:same")["drift"][0]
        finally:
            database.remove()
            database.docker.images.remove(f"{name}:same")

    def test_a_kill_9_in_the_first_initialisation_leaves_no_half_database(self, database: DatabaseUnderTest) -> None:
        presence = database.begin()
        eventually(database.inspect_volume, "the volume", interval=0.005)
        data = Path((database.inspect_volume() or {})["Mountpoint"])
        eventually(lambda: any(data.glob("generations/*.building/*")), "a data folder that is being filled", interval=0.005)
        database.kill()
        answer = presence.answer()
        assert answer.get("ready"), answer
        assert database.ensure()["changed"] is False
        assert "an earlier initialisation was interrupted" in database.log

    @pytest.mark.engines("mariadb")
    def test_what_others_made_is_left_alone(self, database: DatabaseUnderTest) -> None:
        foreign = database.docker.api.create_container(database.image, name=database.container, command="true")["Id"]
        for state in ("present", "stopped", "absent"):
            answer = database.ensure(state)
            assert f"container {database.container} exists and was not made by echobase: left alone" in answer["msg"]
        assert (database.inspect() or {})["Id"] == foreign
        database.docker.api.remove_container(foreign, v=True)

        database.docker.api.create_volume(database.volume)
        for state, confirm in (("present", ""), ("absent", database.volume)):
            answer = database.ensure(state, confirm=confirm)
            assert f"volume {database.volume} exists and was not made by echobase" in answer["msg"]
        assert database.inspect_volume()
        database.docker.api.remove_volume(database.volume)

    @pytest.mark.engines("postgresql")
    def test_a_network_of_others_is_left_alone(self, database: DatabaseUnderTest) -> None:
        network = database.env.durable_network.name
        database.docker.api.remove_network(network)
        foreign = database.docker.networks.create(network)
        try:
            assert f"network {network} exists and was not made by echobase: left alone" in database.ensure()["msg"]
            assert (database.inspect(), database.inspect_volume()) == (None, None)
        finally:
            foreign.remove()
            succeeded(run_module("networks", NETWORKS))

    @pytest.mark.engines("postgresql")
    @pytest.mark.parametrize("check", [True, False])
    def test_a_taken_port_names_its_process(self, database: DatabaseUnderTest, check: bool) -> None:
        with socket.create_server(("127.0.0.1", database.names.port)):
            answer = database.ensure(check=check)
        assert f"the database's port {database.names.port} is taken by process {os.getpid()} (" in answer["msg"]
        assert (database.inspect(), database.inspect_volume()) == (None, None)

    @pytest.mark.engines("mariadb")
    def test_a_taken_port_names_its_container(self, database: DatabaseUnderTest) -> None:
        host = database.docker.api.create_host_config(port_bindings={999: ("127.0.0.1", database.names.port)})
        other = database.docker.api.create_container(
            database.image, ["sleep", "600"], name="zz-durabledb-other", ports=[999], host_config=host, entrypoint=""
        )
        try:
            database.docker.api.start(other["Id"])
            assert f"the database's port {database.names.port} is taken by container zz-durabledb-other" in database.ensure()["msg"]
        finally:
            database.docker.api.remove_container(other["Id"], force=True, v=True)

    @pytest.mark.engines("mariadb")
    def test_what_is_missing_is_named_before_anything_is_made(self, database: DatabaseUnderTest) -> None:
        key = database.env.path("tls", "db", "tls.key")
        Path(key).unlink()
        answer = database.ensure(image="echobase/database:nowhere", key_fingerprint="")
        assert f"image echobase/database:nowhere, {key}" in answer["msg"]
        assert "the fingerprint of the environment's keys" in answer["msg"]
        assert "\n" not in answer["msg"]
        assert database.inspect_volume() is None

    def test_a_server_that_cannot_start_says_why(self, database: DatabaseUnderTest) -> None:
        Path(database.env.path("tls", "db", "tls.key")).write_text("no key")
        answer = database.ensure()
        assert f"{database.container} keeps dying; its last words: " in answer["msg"]
        assert {"mariadb": "SSL", "postgresql": "private key"}[database.engine] in answer["msg"]

    @pytest.mark.engines("postgresql")
    @pytest.mark.parametrize("wrong", [{"memory": "lots"}, {"memory": "64m"}])
    def test_a_wrong_size_is_one_line_and_nothing_is_made(self, database: DatabaseUnderTest, wrong: dict[str, Any]) -> None:
        answer = database.ensure(**wrong)
        assert answer["msg"].startswith("durable_db_memory is ")
        assert "\n" not in answer["msg"]
        assert (database.inspect(), database.inspect_volume()) == (None, None)

    @pytest.mark.engines("mariadb")
    @pytest.mark.skipif(os.geteuid() != 0, reason="mounts a tiny file system, which takes root")
    def test_a_full_disk_is_one_line_and_nothing_is_made(self, database: DatabaseUnderTest) -> None:
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
