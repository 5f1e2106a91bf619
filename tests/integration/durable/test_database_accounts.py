"""What each account of the durable database may do and what not, on both engines; and what the running server is set to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pymysql
import pytest

from ansible_collections.echobase.platform.plugins.module_utils.database.accounts import accounts_digest
from ansible_collections.echobase.platform.plugins.module_utils.environment.database_places import ENGINES
from harness.durable_server import DurableServer, durable_server

ACCOUNTS = ["app_user", "migrate_user", "backup_user", "monitor_user", "replica_user"]
REASON = re.compile(r"denied|permission|must be|not allowed|privilege|owner of")
DENIED = (pymysql.err.OperationalError, pymysql.err.ProgrammingError, pymysql.err.InternalError, psycopg.Error)

ALLOWED = {
    "mariadb": {
        "app_user": ["INSERT INTO kept VALUES (2, 'b')", "UPDATE kept SET note = 'c' WHERE id = 2", "DELETE FROM kept WHERE id = 2"],
        "migrate_user": ["CREATE TABLE made (id INT)", "ALTER TABLE made ADD COLUMN more INT", "DROP TABLE made"],
        "backup_user": [
            "SELECT COUNT(*) FROM kept",
            "FLUSH BINARY LOGS",
            "SHOW BINARY LOGS",
            "START TRANSACTION WITH CONSISTENT SNAPSHOT",
            "PURGE BINARY LOGS BEFORE NOW() - INTERVAL 1 DAY",
        ],
        "monitor_user": ["SHOW GLOBAL STATUS LIKE 'Threads_running'", "SHOW REPLICA STATUS"],
        "replica_user": ["SELECT 1"],
    },
    "postgresql": {
        "app_user": ["INSERT INTO kept VALUES (2, 'b')", "UPDATE kept SET note = 'c' WHERE id = 2", "DELETE FROM kept WHERE id = 2"],
        "migrate_user": ["CREATE TABLE made (id INT)", "ALTER TABLE made ADD COLUMN more INT", "DROP TABLE made"],
        "backup_user": [
            "SELECT COUNT(*) FROM kept",
            "SELECT pg_switch_wal()",
            "SELECT pg_create_restore_point('here')",
            "BEGIN; LOCK TABLE kept IN SHARE MODE; COMMIT",
        ],
        "monitor_user": [
            "SELECT COUNT(*) FROM pg_stat_activity",
            "SELECT * FROM pg_stat_replication",
            "SELECT pg_database_size('orders_db')",
        ],
    },
}
FORBIDDEN = {
    "mariadb": {
        "app_user": [
            "CREATE TABLE made (id INT)", "ALTER TABLE kept ADD COLUMN more INT", "TRUNCATE TABLE kept", "DROP TABLE kept",
            "SELECT * FROM other_db.hidden", "SELECT * FROM mysql.global_priv", "SELECT * FROM kept INTO OUTFILE '/tmp/kept'",
            "SET GLOBAL max_connections = 1", "CREATE USER mallory", "GRANT SELECT ON orders_db.* TO monitor_user@'%'", "SHOW BINARY LOGS",
        ],
        "migrate_user": [
            "CREATE DATABASE mine", "SELECT * FROM other_db.hidden", "SELECT * FROM mysql.global_priv", "SET GLOBAL sync_binlog = 0",
            "GRANT SELECT ON orders_db.* TO monitor_user@'%'", "CREATE USER mallory", "SELECT * FROM kept INTO OUTFILE '/tmp/kept'",
        ],
        "backup_user": [
            "INSERT INTO kept VALUES (3, 'c')", "UPDATE kept SET note = 'x'", "DELETE FROM kept", "CREATE TABLE made (id INT)",
            "SELECT * FROM mysql.global_priv", "SELECT * FROM other_db.hidden", "CREATE USER mallory", "SET GLOBAL max_connections = 1",
        ],
        "monitor_user": [
            "SELECT * FROM orders_db.kept", "INSERT INTO orders_db.kept VALUES (3, 'c')", "SELECT * FROM mysql.global_priv",
            "SHOW BINLOG EVENTS", "SHOW ENGINE INNODB STATUS",
        ],
        "replica_user": ["SELECT * FROM orders_db.kept", "INSERT INTO orders_db.kept VALUES (3, 'c')", "SELECT * FROM mysql.global_priv"],
    },
    "postgresql": {
        "app_user": [
            "CREATE TABLE made (id INT)", "CREATE TEMPORARY TABLE made (id INT)", "CREATE SCHEMA made",
            "ALTER TABLE kept ADD COLUMN more INT",
            "TRUNCATE TABLE kept", "DROP TABLE kept", "SELECT * FROM other.hidden", "SELECT * FROM pg_authid",
            "SELECT pg_read_file('/etc/passwd')", "COPY kept TO '/tmp/kept'", "COPY kept TO PROGRAM 'true'",
            "ALTER SYSTEM SET fsync = off", "CREATE ROLE mallory",
            "SET ROLE migrate_user",
        ],
        "migrate_user": [
            "CREATE DATABASE mine", "CREATE ROLE mallory", "GRANT pg_read_all_data TO migrate_user", "SELECT * FROM pg_authid",
            "SELECT * FROM other.hidden", "SELECT pg_read_file('/etc/passwd')", "COPY kept TO PROGRAM 'true'",
            "ALTER SYSTEM SET fsync = off", "CREATE SCHEMA mine",
        ],
        "backup_user": [
            "INSERT INTO kept VALUES (3, 'c')", "UPDATE kept SET note = 'x'", "DELETE FROM kept", "TRUNCATE TABLE kept",
            "CREATE TABLE made (id INT)", "SELECT * FROM pg_authid", "SELECT * FROM other.hidden",
            "SELECT pg_read_file('/etc/passwd')", "CREATE ROLE mallory",
        ],
        "monitor_user": [
            "SELECT * FROM kept", "INSERT INTO kept VALUES (3, 'c')", "SELECT * FROM pg_authid", "SELECT pg_read_file('/etc/passwd')",
            "BEGIN; LOCK TABLE kept IN SHARE MODE",
        ],
    },
}  # fmt: skip


@pytest.fixture(scope="module", params=ENGINES)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DurableServer]:
    with durable_server(request.param, tmp_path_factory.mktemp("accounts"), "zz-b-accounts", 41) as server:
        server.ensure()
        server.sql("migrate_user", "CREATE TABLE kept (id INT PRIMARY KEY, note VARCHAR(20))")
        server.sql("app_user", "INSERT INTO kept VALUES (1, 'a')")
        if server.engine == "mariadb":
            server.root("CREATE DATABASE other_db; CREATE TABLE other_db.hidden (id INT)")
        else:
            server.root("CREATE SCHEMA other")
            server.root("CREATE TABLE other.hidden (id INT)")
        yield server


@pytest.mark.parametrize("user", ACCOUNTS)
def test_an_account_does_what_it_is_for(server: DurableServer, user: str) -> None:
    for statement in ALLOWED[server.engine].get(user, []):
        server.sql(user, statement)


@pytest.mark.parametrize("user", ACCOUNTS)
def test_an_account_may_do_nothing_else(server: DurableServer, user: str) -> None:
    allowed = []
    for statement in FORBIDDEN[server.engine].get(user, []):
        try:
            server.sql(user, statement)
        except DENIED as error:
            assert re.search(r"denied|permission|must be|not allowed|privilege|owner of|No database selected", str(error)), (
                f"{statement}: {error}"
            )
        else:
            allowed.append(statement)
    assert allowed == []


@pytest.mark.parametrize("user", ACCOUNTS)
def test_nobody_logs_in_without_tls(server: DurableServer, user: str) -> None:
    without = {"ssl": None, "ssl_disabled": True} if server.engine == "mariadb" else {"sslmode": "disable"}
    with pytest.raises(DENIED, match=r"insecure transport|Access denied|no encryption|no pg_hba"):
        server.connect(user, **without)


def test_the_one_who_may_everything_comes_by_no_network(server: DurableServer) -> None:
    almighty, elsewhere = ("root", {"database": None}) if server.engine == "mariadb" else ("postgres", {"dbname": "postgres"})
    password = Path(server.env.path("secrets", "db", "root_password")).read_text().strip()
    with pytest.raises(DENIED, match=r"denied|rejects"):
        server.connect(almighty, password=password, **elsewhere)


@pytest.mark.parametrize("user", ACCOUNTS)
def test_other_databases_of_the_server_are_out_of_reach(server: DurableServer, user: str) -> None:
    if server.engine == "mariadb":
        with pytest.raises(DENIED, match="denied"):
            server.sql(user, "SELECT * FROM mysql.db")
    else:
        with pytest.raises(DENIED, match="permission denied for database"):
            server.connect(user, dbname="postgres")


def test_a_replica_may_follow_and_nothing_else(server: DurableServer) -> None:
    if server.engine == "mariadb":
        rights = {line[0] for line in server.root("SHOW GRANTS FOR replica_user@'%'")}
        assert len(rights) == 1
        assert next(iter(rights)).startswith("GRANT REPLICATION SLAVE ON *.* TO ")
        return
    with pytest.raises(DENIED, match="permission denied for database"):
        server.connect("replica_user")
    with server.connect("replica_user", replication="true", dbname="") as connection:
        assert connection.pgconn.exec_(b"IDENTIFY_SYSTEM").get_value(0, 0)


def test_the_accounts_of_an_earlier_version_are_brought_up_to_date_while_it_runs(server: DurableServer) -> None:
    wanted = accounts_digest(Path(server.backend._server.accounts_file).read_text())
    assert not server.ensure().changed
    if server.engine == "mariadb":
        server.root("DROP USER monitor_user@'%'; ALTER TABLE mysql.global_priv ENGINE=Aria; ALTER DATABASE orders_db COMMENT = ''")
    else:
        server.root("DROP OWNED BY monitor_user; DROP ROLE monitor_user; COMMENT ON DATABASE orders_db IS NULL")
    before = server.docker.api.inspect_container(server.names.container)["State"]["StartedAt"]
    assert server.ensure(check=True).facts["steps"] == ["apply accounts", "await login"]
    outcome = server.ensure()
    assert (outcome.changed, outcome.facts["steps"]) == (True, ["apply accounts", "await login"])
    server.connect("monitor_user").close()
    if server.engine == "mariadb":
        engines = "SELECT ENGINE FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'mysql' AND TABLE_NAME IN ('global_priv', 'db')"
        assert server.root(engines) == [["InnoDB"], ["InnoDB"]]
    assert server.backend.await_ready(10).accounts == wanted
    assert not server.ensure().changed
    assert server.docker.api.inspect_container(server.names.container)["State"]["StartedAt"] == before


def test_no_password_is_in_the_accounts_or_in_the_log(server: DurableServer) -> None:
    sql = Path(server.backend._server.accounts_file).read_text()
    shown = sql + server.log()
    assert [user for user in ACCOUNTS if server.password(user) in shown] == []


def test_the_server_runs_as_it_is_set(server: DurableServer) -> None:
    """Each setting of ours is in force: none is overruled, misspelt or rounded away."""
    definition = server.backend._server
    if server.engine == "mariadb":
        running = dict(server.root("SHOW GLOBAL VARIABLES"))
        assert (running["time_zone"], running["log_bin"]) == ("+00:00", "ON")
        # They go by another name, or show another value.
        left_out = {"plugin_load_add", "log_bin", "default_time_zone"}
    else:
        running = {row[0].lower(): row[1] for row in server.root("SELECT name, current_setting(name) FROM pg_settings")}
        assert running["data_checksums"] == "on"
        left_out = set()
    different = {
        name: (value, running.get(name, "unknown"))
        for name, value in ((name.removeprefix("loose_"), value) for name, value in definition.settings.items())
        if name not in left_out and canonical(running.get(name, "unknown")) != canonical(value)
    }
    assert different == {}


def canonical(value: str) -> str:
    """Sizes in bytes, durations in seconds, and 1 for what is on."""
    text = {"on": "1", "off": "0"}.get(value.lower(), value)
    units = {"": 1, "kb": 2**10, "k": 2**10, "mb": 2**20, "m": 2**20, "gb": 2**30, "g": 2**30, "s": 1, "min": 60, "h": 3600}
    found = re.fullmatch(r"(\d+)(?:\.0+)?([a-zA-Z]*)", text)
    return str(int(found[1]) * units[found[2].lower()]) if found and found[2].lower() in units else text.lower()
