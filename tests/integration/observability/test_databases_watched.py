"""A database of either engine and its replica, as the stack watches them: exporters, alerts' metrics, the dashboard, and their logs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg
import pymysql
import pytest
import yaml

from ansible_collections.echobase.platform.plugins.module_utils.containers.client import docker_client
from ansible_collections.echobase.platform.plugins.module_utils.database.console import ServerConsole
from ansible_collections.echobase.platform.plugins.module_utils.engines.registry import engine_named
from ansible_collections.echobase.platform.plugins.module_utils.environment.database_places import ENGINES
from harness.database_under_test import DatabaseUnderTest, succeeded
from harness.module_runner import CHECKOUT
from harness.observability_under_test import PREFIX, ObservabilityUnderTest, docker, printed
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
# A replica that is behind: it gets everything and applies nothing.
HOLD_BACK = {
    "mariadb": ("STOP SLAVE", "CHANGE MASTER TO MASTER_DELAY = 3600", "START SLAVE"),
    "postgresql": ("SELECT pg_wal_replay_pause()",),
}
GO_ON = {
    "mariadb": ("STOP SLAVE", "CHANGE MASTER TO MASTER_DELAY = 0", "START SLAVE"),
    "postgresql": ("SELECT pg_wal_replay_resume()",),
}
BEHIND_SECONDS = 5
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
    """A server and its replica, on the networks of what watches."""

    def __init__(self, watched: ObservabilityUnderTest, engine: str) -> None:
        self.watched = watched
        self.engine = engine
        self.server = DatabaseUnderTest(watched.folder, docker_client(), engine, prefix=PREFIX)
        self.options: dict[str, Any] = {"echobase_engine": engine, "durable_db_replica": True}
        self.server.prepare()

    def root(self, statement: str) -> list[list[str]]:
        return ServerConsole(engine_named(self.engine), self.watched.env).query(statement)

    def at_replica(self, statement: str) -> None:
        container = self.watched.env.replica(self.engine).container
        ServerConsole(engine_named(self.engine), self.watched.env, container).query(statement)

    def work(self) -> None:
        """What a busy server does: rows come, are read and changed, and one transaction is given up."""
        with closing(self.server.connect()) as connection, connection.cursor() as cursor:
            for number in range(50):
                cursor.execute("DELETE FROM planted WHERE id = %s", (number,))
                cursor.execute("INSERT INTO planted VALUES (%s, 'x')", (number,))
                cursor.execute("UPDATE planted SET note = 'y' WHERE id = %s", (number,))
                cursor.execute("SELECT * FROM planted WHERE id = %s", (number,))

    def lag(self) -> float | None:
        """As Prometheus has it of the replica."""
        found = [value for labels, value in self.watched.series(LAG[self.engine]) if labels["job"] == "replica"]
        return found[0] if found else None

    def queries(self) -> list[str]:
        """Those of the dashboard that are about this engine."""
        found = [query["promql"] for row in DASHBOARD["rows"] for panel in row["panels"] for query in panel["queries"]]
        return [query.replace("$interval", "2m") for query in found if BEGINNING[self.engine] in query]

    def remove(self) -> None:
        replica = self.watched.env.replica(self.engine)
        names = [name for name in docker("ps", "-a", "--format", "{{.Names}}").split() if name.startswith(self.server.container)]
        if names:
            docker("rm", "-f", "-v", *names)
        volumes = {self.server.volume, replica.volume} & set(docker("volume", "ls", "--format", "{{.Name}}").split())
        if volumes:
            docker("volume", "rm", *volumes)


@pytest.fixture(scope="module", params=ENGINES)
def database(request: pytest.FixtureRequest, watched: ObservabilityUnderTest) -> Iterator[WatchedDatabase]:
    made = WatchedDatabase(watched, request.param)
    try:
        succeeded(made.server.ensure(replica=True, encryption_at_rest="off"))
        made.root(TABLE[made.engine])
        run = watched.run(**made.options)
        assert not run.failed, run.output
        yield made
    finally:
        made.remove()
        # The other tests of this folder go on without one.
        run = watched.run()
        assert not run.failed, run.output


def test_the_exporters_log_in_by_tls_with_an_account_that_may_look_alone(database: WatchedDatabase) -> None:
    assert database.watched.run(**database.options).changed == 0
    up = f"{BEGINNING[database.engine]}up"
    wanted = {("database", 1.0), ("replica", 1.0)}
    eventually(
        lambda: {(labels["job"], value) for labels, value in database.watched.series(up)} == wanted,
        lambda: printed(database.watched.container("database-exporter"), 20),
        60,
    )
    assert database.root(ENCRYPTED[database.engine]) == [["1"]]
    assert database.root(MAY[database.engine]) == [[{"mariadb": "SLAVE MONITOR", "postgresql": "pg_monitor"}[database.engine]]]
    password = database.server.secret("db", "monitor_password")
    # MariaDB does not even let it choose the database.
    with (
        pytest.raises((psycopg.errors.InsufficientPrivilege, pymysql.err.OperationalError)),
        closing(database.server.connect("monitor_user", password)) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT * FROM planted")


def test_how_far_the_replica_is_behind_is_seen(database: WatchedDatabase) -> None:
    eventually(lambda: database.lag() is not None, "its lag is told", 40)
    # Since it started, PostgreSQL's replica knows of no moment but those of what it applied itself.
    database.work()
    for statement in HOLD_BACK[database.engine]:
        database.at_replica(statement)
    database.work()
    eventually(lambda: (database.lag() or 0) > BEHIND_SECONDS, lambda: f"it falls behind; it is {database.lag()} s", 90, interval=1)
    for statement in GO_ON[database.engine]:
        database.at_replica(statement)
    eventually(lambda: database.lag() == 0, lambda: f"it has caught up; it is {database.lag()} s behind", 60, interval=1)


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
    with closing(database.server.connect()) as connection:
        for statement in statements:
            with connection.cursor() as cursor:
                try:
                    cursor.execute(statement)
                except (pymysql.Error, psycopg.Error):
                    continue
    names = database.watched.env.server(database.engine)
    # They are in the server's own log: this test is about something.
    own = printed(names.container, 10_000)
    assert slow in own and second in own
    # A line that comes after all of these, so that they were read, too.
    with closing(database.server.connect()) as connection, connection.cursor() as cursor:
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
