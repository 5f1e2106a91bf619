"""A database of either engine and its replica, as the stack watches them: exporters, alerts' metrics, the dashboard, and their logs."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg
import pymysql
import pytest
import yaml

from ansible_collections.echobase.platform.plugins.module_utils.credentials.environment_secrets import EnvironmentSecrets
from ansible_collections.echobase.platform.plugins.module_utils.database.console import ServerConsole
from ansible_collections.echobase.platform.plugins.module_utils.engines.registry import engine_named
from ansible_collections.echobase.platform.plugins.module_utils.environment.database_places import ENGINES
from harness.database_under_test import DatabaseUnderTest, succeeded
from harness.images_under_test import image_tag
from harness.module_runner import CHECKOUT, run_module
from harness.observability_under_test import PREFIX, ObservabilityUnderTest, docker
from harness.waiting import eventually

pytestmark = pytest.mark.long

DASHBOARD = yaml.safe_load((CHECKOUT / "apps" / "console" / "dashboards" / "databases.yml").read_text())
ALERTED = (CHECKOUT / "tests" / "unit" / "alerts" / "known_metrics.txt").read_text().split()
BEGINNING = {"mariadb": "mysql_", "postgresql": "pg_"}
LAG = {"mariadb": "mysql_slave_status_seconds_behind_master", "postgresql": "pg_replication_lag_seconds"}
TABLE = {
    "mariadb": "CREATE TABLE orders_db.planted (id INT PRIMARY KEY, note VARCHAR(40))",
    "postgresql": "SET ROLE migrate_user; CREATE TABLE planted (id INT PRIMARY KEY, note VARCHAR(40))",
}
# What the exporter's account may do beyond logging in.
MAY = {
    "mariadb": "SELECT GROUP_CONCAT(privilege_type) FROM information_schema.user_privileges WHERE grantee = \"'monitor_user'@'%'\"",
    "postgresql": "SELECT string_agg(r.rolname, ',') FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid"
    " WHERE m.member = 'monitor_user'::regrole",
}
# Whether its connections are encrypted; MariaDB refuses others.
ENCRYPTED = {
    "mariadb": "SELECT JSON_VALUE(priv, '$.ssl_type') > 0 FROM mysql.global_priv WHERE user = 'monitor_user'",
    "postgresql": "SELECT bool_and(ssl)::int FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)"
    " WHERE usename = 'monitor_user' HAVING count(*) > 0",
}


class WatchedDatabase:
    def __init__(self, watched: ObservabilityUnderTest, engine: str) -> None:
        self.watched = watched
        self.engine = engine
        self.options: dict[str, Any] = {"echobase_engine": engine, "durable_db_replica": True}
        self.key_fingerprint = str(EnvironmentSecrets(watched.env, None, data=lambda: ()).present(check=False).facts["key_fingerprint"])

    def ensure(self, state: str, **changes: Any) -> None:
        arguments = {
            "environment": "test",
            "home": str(self.watched.folder),
            "network_prefix": PREFIX,
            "engine": self.engine,
            "state": state,
            "image": image_tag(self.watched.env.server(self.engine).service),
            "key_fingerprint": self.key_fingerprint,
            "memory": "512m",
            "encryption_at_rest": "off",
            "replica": state == "present",
        }
        succeeded(run_module("durable_db", arguments | changes))

    @property
    def database(self) -> DatabaseUnderTest:
        made = DatabaseUnderTest(self.watched.folder, None, self.engine)  # type: ignore[arg-type]
        made.env = self.watched.env
        return made

    def root(self, statement: str) -> list[list[str]]:
        return ServerConsole(engine_named(self.engine), self.watched.env).query(statement)

    def work(self) -> None:
        """What a busy server does: rows come, are read and changed, and one transaction is given up."""
        with closing(self.database.connect()) as connection, connection.cursor() as cursor:
            for number in range(50):
                cursor.execute("DELETE FROM planted WHERE id = %s", (number,))
                cursor.execute("INSERT INTO planted VALUES (%s, 'x')", (number,))
                cursor.execute("UPDATE planted SET note = 'y' WHERE id = %s", (number,))
                cursor.execute("SELECT * FROM planted WHERE id = %s", (number,))

    def queries(self) -> list[str]:
        """Those of the dashboard that are about this engine."""
        found = [query["promql"] for row in DASHBOARD["rows"] for panel in row["panels"] for query in panel["queries"]]
        return [query.replace("$interval", "2m") for query in found if BEGINNING[self.engine] in query]


@pytest.fixture(scope="module", params=ENGINES)
def database(request: pytest.FixtureRequest, watched: ObservabilityUnderTest) -> Iterator[WatchedDatabase]:
    made = WatchedDatabase(watched, request.param)
    names = watched.env.server(made.engine), watched.env.replica(made.engine)
    try:
        made.ensure("present")
        made.root(TABLE[made.engine])
        run = watched.run(**made.options)
        assert not run.failed, run.output
        yield made
    finally:
        containers = [name for name in docker("ps", "-a", "--format", "{{.Names}}").split() if name.startswith(names[0].container)]
        if containers:
            docker("rm", "-f", "-v", *containers)
        volumes = [name for name in docker("volume", "ls", "--format", "{{.Name}}").split() if name in {one.volume for one in names}]
        if volumes:
            docker("volume", "rm", *volumes)
        run = watched.run()
        assert not run.failed, run.output


def test_the_exporters_log_in_by_tls_with_an_account_that_may_look_alone(database: WatchedDatabase) -> None:
    assert database.watched.run(**database.options).changed == 0
    up = f"{BEGINNING[database.engine]}up"
    wanted = {("database", 1.0), ("replica", 1.0)}
    eventually(
        lambda: {(labels["job"], value) for labels, value in database.watched.series(up)} == wanted,
        lambda: docker("logs", database.watched.container("database-exporter"), "--tail", "20"),
        60,
    )
    assert database.root(ENCRYPTED[database.engine]) == [["1"]]
    assert database.root(MAY[database.engine]) == [[{"mariadb": "SLAVE MONITOR", "postgresql": "pg_monitor"}[database.engine]]]
    password = database.database.secret("db", "monitor_password")
    # MariaDB does not even let it choose the database.
    with (
        pytest.raises((psycopg.errors.InsufficientPrivilege, pymysql.err.OperationalError)),
        closing(database.database.connect("monitor_user", password)) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT * FROM planted")


def test_the_replicas_lag_is_there(database: WatchedDatabase) -> None:
    def found() -> list[float]:
        return [value for labels, value in database.watched.series(LAG[database.engine]) if labels["job"] == "replica"]

    [lag] = eventually(found, "the lag is told", 40)
    assert 0 <= lag < 60


def test_every_metric_that_an_alert_needs_is_told(database: WatchedDatabase) -> None:
    for name in ALERTED:
        if name.startswith(BEGINNING[database.engine]):
            eventually(lambda name=name: database.watched.series(name), f"{name} is told", 40)  # type: ignore[misc]


def test_every_panel_of_the_dashboard_has_data(database: WatchedDatabase) -> None:
    missing = database.queries()
    assert len(missing) >= 8

    def shown() -> bool:
        database.work()
        missing[:] = [query for query in missing if not database.watched.series(query)]
        return not missing

    eventually(shown, lambda: f"these show nothing: {missing}", 90, interval=2)


def test_its_log_is_read_and_no_statement_in_it(database: WatchedDatabase) -> None:
    """Planted are statements that fail, and one that is slow, each with a row's value in it."""
    planted = [f"planted-{way}-value" for way in ("failing", "quoted", "slow", "second-line")]
    failing, quoted, slow, second = planted
    statements = {
        "postgresql": [
            f"INSERT INTO planted VALUES (1, '{failing}'), (1, '{failing}')",
            f"SELECT CAST('{quoted}\n{second}' AS int)",
            f"SELECT pg_sleep(1.2), '{slow}'\n, '{second}'",
        ],
        "mariadb": [
            f"INSERT INTO planted VALUES (1, '{failing}'), (1, '{failing}')",
            f"SELECT CAST('{quoted}' AS NOTHING)",
            f"SELECT SLEEP(1.2), '{slow}'\n, '{second}'",
        ],
    }[database.engine]
    with closing(database.database.connect()) as connection:
        for statement in statements:
            with connection.cursor() as cursor:
                try:
                    cursor.execute(statement)
                except (pymysql.Error, psycopg.Error):
                    continue
    names = database.watched.env.server(database.engine)
    # They are in the server's own log: this test is about something.
    own = docker_log(names.container)
    assert slow in own and second in own
    # A line that comes after all of these, so that they were read, too.
    with closing(database.database.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(1.1)" if database.engine == "postgresql" else "SELECT SLEEP(1.1)")
    mark = {"postgresql": "duration: ", "mariadb": "# Query_time: "}[database.engine]

    def read() -> bool:
        return sum(mark in record.body for record in database.watched.logs({"service_name": names.service}, limit=1000)) >= 2

    eventually(read, lambda: str(database.watched.logs({"service_name": names.service})), 40)
    records = str(database.watched.logs({"service_name": names.service}, limit=1000))
    assert [value for value in planted if value in records] == []
    if database.engine == "postgresql":
        assert "ERROR:  duplicate key value violates unique constraint ****" in records
        assert "ERROR:  invalid input syntax for type integer: ****" in records
    assert database.watched.logs({"service_name": f"{names.service}-replica"})


def docker_log(container: str) -> str:
    done = subprocess.run(["docker", "logs", container], check=True, capture_output=True, text=True)
    return done.stdout + done.stderr
