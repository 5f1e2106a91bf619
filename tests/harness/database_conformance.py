"""What every durable database must do, whatever its engine and wherever it runs. A test module derives one class from it for each backend.

Its fixtures: `running` is one that several tests look at and leave running; of `database` only secrets and certificates are there.
"""

from __future__ import annotations

import gzip
import shutil
import threading
from pathlib import Path

import pytest

from harness.database_under_test import REFUSED, DatabaseUnderTest, succeeded
from harness.waiting import eventually


class DatabaseConformance:
    # These share one running database.

    def test_a_running_one_is_reported(self, running: DatabaseUnderTest) -> None:
        answer = running.ensure()
        assert (answer["changed"], answer["steps"], answer["state_before"], answer["ready"]) == (False, [], "running", True)
        assert answer["diff"]["before"] == answer["diff"]["after"]
        assert not answer.get("warnings")
        assert (answer["engine"], answer["volume"], answer["port"]) == (running.engine, running.volume, running.names.port)
        assert answer["version"].startswith(f"{running.major}.")
        assert answer["tls_cipher"]
        assert running.ensure(check=True)["changed"] is False

    def test_everything_about_it_is_told(self, running: DatabaseUnderTest) -> None:
        told = running.info()
        assert (told["changed"], told["state"], told["ready"], told["role"], told["drift"]) == (False, "running", True, "primary", [])
        assert 0 < told["connections"] <= told["connections_limit"] == 200
        assert (told["generation"], told["generations"]) == ("000001", ["000001"])
        assert told["uptime_seconds"] >= 0
        assert told["encryption"] != "unknown"

    def test_an_unencrypted_login_is_refused(self, running: DatabaseUnderTest) -> None:
        with pytest.raises(REFUSED, match=r"insecure transport|Access denied|no encryption"):
            running.connect(encrypted=False)

    def test_nobody_is_root_over_the_network(self, running: DatabaseUnderTest) -> None:
        for name in ("root", "postgres"):
            with pytest.raises(REFUSED, match=r"Access denied|reject|password authentication failed"):
                running.connect(name, running.secret("db", "root_password"))

    def test_drift_is_told_and_not_applied_to_a_running_one(self, running: DatabaseUnderTest) -> None:
        since = running.info()["uptime_seconds"]
        answer = running.ensure(settings={"max_connections": 123})
        assert (answer["changed"], answer["steps"]) == (False, [])
        assert [line.rpartition(".")[2] for line in answer["drift"]] == ["max_connections: 200 -> 123"]
        assert "max_connections: 200 -> 123" in answer["warnings"][0]
        assert "durable_db_recreate=always" in answer["warnings"][0]
        assert running.info()["uptime_seconds"] >= since
        predicted = running.ensure(check=True, settings={"max_connections": 123}, recreate="always")
        assert (predicted["changed"], predicted["steps"]) == (True, ["write configuration", "recreate server", "await login"])

    def test_what_keeps_data_safe_is_no_setting(self, running: DatabaseUnderTest) -> None:
        name = {"mariadb": "sync_binlog", "postgresql": "fsync"}[running.engine]
        assert f"durable_db_settings has {name}," in running.ensure(settings={name: 0})["msg"]

    def test_other_keys_are_refused(self, running: DatabaseUnderTest) -> None:
        answer = running.ensure(key_fingerprint="fedcba9876543210")
        assert f"volume {running.volume} was made with other keys (fingerprint {running.key_fingerprint})" in answer["msg"]

    def test_a_wrong_password_is_told_at_once(self, running: DatabaseUnderTest) -> None:
        password = Path(running.env.path("secrets", "app", "db_password"))
        right = password.read_text()
        password.write_text("wrong")
        try:
            answer = running.ensure()
        finally:
            password.write_text(right)
        assert f"{running.container} refuses app_user: " in answer["msg"]
        assert "secrets.json back as it was when volume" in answer["remedy"]

    @pytest.mark.parametrize("check", [True, False])
    def test_a_wrong_confirmation_changes_nothing_and_shows_the_name(self, running: DatabaseUnderTest, check: bool) -> None:
        answer = running.ensure("absent", check=check, confirm=running.container)
        assert answer["failed"]
        assert f"durable_db_confirm={running.volume}" in answer["remedy"]
        assert running.ensure()["changed"] is False

    def test_sudden_deaths_lose_no_acknowledged_row(self, running: DatabaseUnderTest) -> None:
        running.query("CREATE TABLE acknowledged (id INT PRIMARY KEY)")
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
                        cursor.execute("INSERT INTO acknowledged VALUES (%s)", (number,))
                    acknowledged.append(number)
                except REFUSED:
                    refused += 1
                    connection = None

        writer = threading.Thread(target=write)
        writer.start()
        try:
            for _ in range(3):
                before = len(acknowledged)
                eventually(lambda before=before: len(acknowledged) > before + 200, "rows before the kill")  # type: ignore[misc]
                running.kill()
                after = len(acknowledged)
                eventually(lambda after=after: len(acknowledged) > after + 200, "the server to come back by itself")  # type: ignore[misc]
        finally:
            enough.set()
            writer.join()
        assert refused > 0
        assert {row[0] for row in running.query("SELECT id FROM acknowledged")} >= set(acknowledged)
        assert running.ensure()["changed"] is False

    # From here on they begin without a database.

    def test_its_whole_life(self, database: DatabaseUnderTest) -> None:
        predicted = database.ensure(check=True)
        assert (predicted["changed"], database.info()["state"], database.inspect_volume()) == (True, "missing", None)
        assert not Path(database.env.path("compose")).exists()
        made = database.ensure()
        assert (made["changed"], made["ready"], made["diff"], made["steps"]) == (True, True, predicted["diff"], predicted["steps"])
        database.query("CREATE TABLE kept (note VARCHAR(20))")
        database.query("INSERT INTO kept VALUES ('still here')")

        assert database.ensure("stopped", check=True)["changed"] is True
        stopped = database.ensure("stopped")
        assert (stopped["changed"], stopped["state_before"], stopped["state_after"]) == (True, "running", "stopped")
        assert database.ensure("stopped")["changed"] is False
        assert {"mariadb": "Shutdown complete", "postgresql": "database system is shut down"}[database.engine] in database.log
        told = database.info()
        assert (told["state"], told["ready"], told["generation"]) == ("stopped", False, "000001")
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

    def test_the_typed_name_deletes_the_data_and_a_final_backup_brings_them_back(self, database: DatabaseUnderTest) -> None:
        database.ensure()
        database.query("CREATE TABLE kept (note VARCHAR(20))")
        database.query("INSERT INTO kept VALUES ('Grüße')")
        assert database.ensure("absent", check=True, confirm=database.volume)["keys_removed"] is True
        assert database.inspect_volume()

        # Also a server that was already taken away is backed up first.
        database.ensure("absent")
        answer = succeeded(database.ensure("absent", confirm=database.volume))
        assert (answer["changed"], answer["keys_removed"], database.inspect(), database.inspect_volume()) == (True, True, None, None)
        assert not list(Path(database.env.home).glob("*secret*"))
        assert database.ensure("absent", confirm=database.volume)["changed"] is False
        folder = Path(answer["backup"])
        assert folder.parent == database.home / "final-backups"
        assert (folder / "secrets.json").stat().st_mode & 0o777 == 0o600

        shutil.copy(folder / "secrets.json", database.env.home)
        database.prepare()
        succeeded(database.ensure())
        database.restore(gzip.decompress((folder / "all-databases.sql.gz").read_bytes()))
        assert database.query("SELECT note FROM kept") == [("Grüße",)]
        assert database.ensure()["changed"] is False

    def test_a_stopped_one_takes_a_new_configuration_when_it_starts_if_it_may(self, database: DatabaseUnderTest) -> None:
        database.ensure()
        database.ensure("stopped")
        as_it_was = database.ensure(settings={"max_connections": 123}, recreate="never")
        assert as_it_was["steps"] == ["start server", "await login"]
        assert "max_connections: 200 -> 123" in as_it_was["warnings"][0]
        assert database.setting("max_connections") == "200"
        database.ensure("stopped")
        assert database.ensure(settings={"max_connections": 123})["steps"] == ["write configuration", "recreate server", "await login"]
        assert database.setting("max_connections") == "123"
        assert database.ensure(settings={"max_connections": 123})["changed"] is False
        assert database.ensure(recreate="always")["changed"] is True
        assert database.setting("max_connections") == "200"

    def test_two_at_once_both_succeed(self, database: DatabaseUnderTest) -> None:
        started = [database.begin() for _ in range(2)]
        answers = [module.answer() for module in started]
        assert [answer.get("ready") for answer in answers] == [True, True], answers
        assert sorted(answer["changed"] for answer in answers) == [False, True]
