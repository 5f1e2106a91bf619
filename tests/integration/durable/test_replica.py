"""The replica of a durable database on real servers of both engines: it follows, tells how far, takes over, and nothing comes back."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.base.progress import Progress
from ansible_collections.echobase.platform.plugins.module_utils.engines.registry import backup_tool
from ansible_collections.echobase.platform.plugins.module_utils.environment.database_places import ENGINES
from ansible_collections.echobase.platform.plugins.module_utils.replica.promotion import ReplicaPromotion
from ansible_collections.echobase.platform.plugins.module_utils.restore.journal import GenerationJournal
from ansible_collections.echobase.platform.plugins.module_utils.restore.swap import published_volume
from ansible_collections.echobase.platform.plugins.module_utils.rotation.root_password import RootPasswordRotation
from harness.database_under_test import REFUSED
from harness.replicated_server import ReplicatedServer, replicated_server
from harness.throwaway_tls import make_certificates
from harness.waiting import eventually
from migrations.replica_pace import ReplicaPace
from orders.credentials import NoSecrets
from orders.database import Database
from orders.settings import DatabaseSettings

pytestmark = pytest.mark.long_on("mariadb")

NUMBERS = {"mariadb": 45, "postgresql": 46}
TABLE = {
    "mariadb": "CREATE TABLE kept (id INT PRIMARY KEY)",
    "postgresql": "SET ROLE migrate_user; CREATE TABLE kept (id INT PRIMARY KEY)",
}
PAUSE = {"mariadb": "STOP SLAVE SQL_THREAD", "postgresql": "SELECT pg_wal_replay_pause()"}
GO_ON = {"mariadb": "START SLAVE SQL_THREAD", "postgresql": "SELECT pg_wal_replay_resume()"}
FOLLOWED_OVER_TLS = {
    "mariadb": "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'replica_user' AND command = 'Binlog Dump'",
    "postgresql": "SELECT count(*) FROM pg_stat_replication JOIN pg_stat_ssl USING (pid) WHERE usename = 'replica_user' AND ssl",
}


class KilledError(BaseException):
    """Stands for SIGKILL: nothing that only handles errors gets to see it."""


# One server for all of a module's tests, which build on one another in this order.
@pytest.fixture(scope="module", params=ENGINES)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReplicatedServer]:
    engine = request.param
    with replicated_server(engine, tmp_path_factory.mktemp("replica"), f"zz-r-{engine}", NUMBERS[engine]) as server:
        predicted = server.pair(check=True)
        made = server.pair()
        assert (made.changed, made.facts["replica"]["steps"], made.warnings) == (True, predicted.facts["replica"]["steps"], [])
        server.root(TABLE[engine])
        yield server


def promotion(server: ReplicatedServer, killed_at: str = "") -> ReplicaPromotion:
    def reached(step: str) -> None:
        if step == killed_at:
            raise KilledError

    tool = backup_tool(server.docker, server.env, server.engine)
    return ReplicaPromotion(server.docker, server.env, server.engine, tool, Progress(None), reached)


def rows(server: ReplicatedServer) -> set[int]:
    return {row[0] for row in server.sql("app_user", "SELECT id FROM kept")}


def insert(server: ReplicatedServer, *numbers: int) -> None:
    for number in numbers:
        server.sql("app_user", f"INSERT INTO kept VALUES ({number})")


def at_replica(server: ReplicatedServer) -> set[int]:
    return {int(row[0]) for row in server.at_replica("SELECT id FROM kept")}


def test_it_follows_over_tls_and_takes_no_writes(server: ReplicatedServer) -> None:
    insert(server, 1, 2)
    eventually(lambda: at_replica(server) == {1, 2}, "the rows at the replica")
    assert server.root(FOLLOWED_OVER_TLS[server.engine]) == [["1"]]
    again = server.pair()
    assert (again.changed, again.facts["replica"]["steps"], again.warnings) == (False, [], [])
    assert (server.state.follows, server.state.problem, server.state.lag_seconds) == (True, "", 0)
    with server.connect(port=server.replica.port) as connection, pytest.raises(REFUSED, match=r"read.only"):
        connection.cursor().execute("INSERT INTO kept VALUES (3)")
    inspected = server.docker.api.inspect_container(server.replica.container)
    assert server.password("replica_user") not in str(inspected)
    assert server.password("replica_user") not in server.docker.api.logs(server.replica.container).decode()
    with pytest.raises(REFUSED):
        server.connect("replica_user", **{"ssl": None, "ssl_disabled": True} if server.engine == "mariadb" else {"sslmode": "disable"})


def test_it_learns_its_administrators_new_password_from_the_primary(server: ReplicatedServer) -> None:
    RootPasswordRotation(server.docker, server.env, server.engine, server.secrets()).run(check_mode=False)
    eventually(server.watch.console.is_answering, "the replica lets its administrator in")
    again = server.pair()
    assert (again.changed, again.facts["replica"]["follows"]) == (False, True)


def test_it_starts_again_with_a_new_password(server: ReplicatedServer) -> None:
    os.utime(server.env.path("secrets", "db", "replica_password"))
    assert server.pair(check=True).facts["replica"]["steps"] == ["restart replica", "await replica"]
    again = server.pair()
    assert (again.changed, again.facts["replica"]["follows"]) == (True, True)


def test_its_lag_is_told_while_it_applies_nothing(server: ReplicatedServer) -> None:
    # Since it started, MariaDB only knows the age of what it applied itself.
    insert(server, 9)
    eventually(lambda: 9 in at_replica(server), "the row at the replica")
    server.at_replica(PAUSE[server.engine])
    insert(server, *range(10, 20))
    eventually(lambda: server.state.lag_seconds is not None, "its age")
    state = server.state
    assert not state.follows
    assert "does not apply what it is sent" in state.problem
    if server.engine == "mariadb":
        assert state.lag_transactions == 10
    else:
        assert state.lag_bytes and state.lag_bytes > 10 * 60
    told = server.pair()
    assert (told.changed, "durable_db_replica_rebuild=true" in told.warnings[0]) == (False, True)
    server.at_replica(GO_ON[server.engine])
    eventually(lambda: server.state.follows and server.state.lag_seconds == 0, "the replica to catch up")
    assert at_replica(server) == rows(server)


def test_a_backfill_waits_for_it_and_not_for_ever(server: ReplicatedServer) -> None:
    engines = [migrations_database(server, port).engine for port in (server.names.port, server.replica.port)]
    pace = ReplicaPace(*engines, patience=60)
    pace.wait()
    server.at_replica(PAUSE[server.engine])
    insert(server, 30, 31)
    pace.wait()
    held = threading.Thread(target=pace.wait)
    held.start()
    held.join(0.5)
    assert held.is_alive()
    server.at_replica(GO_ON[server.engine])
    held.join()
    assert {30, 31} <= at_replica(server)
    server.at_replica(PAUSE[server.engine])
    insert(server, 32)
    impatient = ReplicaPace(*engines, patience=0)
    impatient.wait()
    impatient.wait()
    server.at_replica(GO_ON[server.engine])
    for engine in engines:
        engine.dispose()


def migrations_database(server: ReplicatedServer, port: int) -> Database:
    env = server.env
    files = Path(env.path("secrets", "migrate", "db_password")), Path(env.path("tls", "ca.crt"))
    settings = DatabaseSettings(server.engine, "127.0.0.1", port, env.database, "migrate_user", *files, "none")
    return Database(settings, NoSecrets(), 2)


def test_a_server_that_its_authority_does_not_vouch_for_is_not_followed(server: ReplicatedServer, tmp_path: Path) -> None:
    authority = Path(server.env.path("tls", "ca.crt"))
    right = authority.read_bytes()
    name = server.replica.container
    try:
        make_certificates(tmp_path / "other", [])
        # In place: the file is mounted.
        authority.write_bytes((tmp_path / "other" / "ca.crt").read_bytes())
        server.docker.api.restart(name, timeout=60)
        eventually(lambda: re.search(r"certificate|SSL connection error", server.state.problem), "a refusal of the certificate")
    finally:
        authority.write_bytes(right)
    server.docker.api.restart(name, timeout=60)
    eventually(lambda: server.state.follows, "the replica to follow again")


def test_a_promotion_that_was_cut_off_can_be_gone_back_from(server: ReplicatedServer) -> None:
    assert promotion(server).run("promoted", True).changed
    with pytest.raises(KilledError):
        promotion(server, "fenced").run("promoted", False)
    assert not starts(server), "the former primary came back"
    with pytest.raises(Refusal, match=r"promotion of the replica was cut off while closing: nobody can write"):
        GenerationJournal(server.env).refuse_under_way()
    assert promotion(server).run("abandoned", False).changed
    insert(server, 40)
    eventually(lambda: 40 in at_replica(server), "the row at the replica")
    assert promotion(server).run("abandoned", False).changed is False


def test_a_promotion_that_is_killed_anywhere_loses_nothing(server: ReplicatedServer) -> None:
    acknowledged: list[int] = []
    enough = threading.Event()

    def write() -> None:
        number = 1000
        while not enough.is_set():
            number += 1
            try:
                insert(server, number)
                acknowledged.append(number)
            except REFUSED:
                enough.wait(0.05)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        eventually(lambda: len(acknowledged) > 50, "rows before the promotion")
        for step in ("fenced", "promoted", "moved"):
            with pytest.raises(KilledError):
                promotion(server, step).run("promoted", False)
        before = len(acknowledged)
        done = promotion(server).run("promoted", False)
        eventually(lambda: len(acknowledged) > before, "the application to write again")
    finally:
        enough.set()
        writer.join()
    assert (done.facts["step"], done.facts["generation"], done.facts["previous"]) == ("live", "000002", "000001")
    assert (done.facts["lost_transactions"], done.facts["lost_unknown"]) == (0, "")
    assert rows(server) >= set(acknowledged)
    assert promotion(server).run("promoted", False).changed is False


def starts(server: ReplicatedServer) -> bool:
    """Whether anything serves where the primary did, once somebody started its container by hand."""
    server.docker.api.start(server.names.container)
    eventually(lambda: container(server)["RestartCount"] or server.console.is_answering(), "the container to give up or to serve")
    served = server.console.is_answering()
    server.docker.api.stop(server.names.container)
    return served


def container(server: ReplicatedServer) -> dict[str, Any]:
    return dict(server.docker.api.inspect_container(server.names.container))


def test_a_new_replica_is_copied_from_the_promoted_one(server: ReplicatedServer) -> None:
    made = server.pair()
    assert (made.changed, "copy primary" in made.facts["replica"]["steps"], made.warnings) == (True, True, [])
    eventually(lambda: at_replica(server) == rows(server), "the rows at the new replica")
    assert server.pair().changed is False


def test_what_a_dead_primary_never_sent_is_counted_and_given_up_by_name_only(server: ReplicatedServer) -> None:
    arrived = rows(server)
    network = server.docker.networks.get(server.env.durable_network.name)
    network.disconnect(server.replica.container)
    insert(server, 7001, 7002, 7003)
    server.docker.api.update_container(server.names.container, restart_policy={"Name": "no"})
    server.kill(server.names.container)
    eventually(lambda: not container(server)["State"]["Running"], "the primary's death")
    with pytest.raises(Refusal, match=r"^3 transactions of the primary never arrived at the replica; nothing was promoted"):
        promotion(server).run("promoted", False)
    done = promotion(server).run("promoted", False, accept_loss=True)
    assert (done.facts["lost_transactions"], done.facts["lost_unknown"]) == (3, "")
    assert rows(server) == arrived
    insert(server, 7001)


def test_a_replica_of_other_data_is_told_and_made_anew_when_that_is_said(server: ReplicatedServer) -> None:
    server.pair()
    volume = published_volume(server.docker, server.env, server.engine)
    server.docker.api.stop(server.names.container)
    # The way back to what was before the last promotion: the replica has followed another line.
    volume.serve("000002")
    server.docker.api.start(server.names.container)
    eventually(server.console.is_answering, "the former primary")
    insert(server, *range(8001, 8011))
    told = server.pair()
    assert told.facts["replica"]["problem"]
    assert "durable_db_replica_rebuild=true" in told.warnings[0]
    rebuilt = server.pair(rebuild=True)
    assert (rebuilt.facts["replica"]["follows"], rebuilt.warnings) == (True, [])
    eventually(lambda: at_replica(server) == rows(server), "the rows at the replica")
    assert rows(server) >= {7003, 8010}


def test_without_the_wish_it_goes_and_its_volume_only_by_name(server: ReplicatedServer) -> None:
    gone = server.pair(replica=False)
    assert "remove replica" in gone.facts["replica"]["steps"]
    assert f"durable_db_confirm={server.replica.volume}` deletes it" in gone.warnings[0]
    assert server.state.server == "missing"
    if server.engine == "postgresql":
        assert server.root("SELECT count(*) FROM pg_replication_slots") == [["0"]]
    back = server.pair()
    assert "copy primary" not in back.facts["replica"]["steps"]
    assert back.facts["replica"]["follows"]
    server.pair(replica=False, confirm=server.replica.volume)
    assert server.pair(replica=False).facts.get("replica") is None
    assert server.pair("stopped").facts["state_after"] == "stopped"
