"""An environment on a database server that somebody else runs, which is a real one here, with an authority of its own."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import docker
import pytest

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import ENVIRONMENT_LABEL
from ansible_collections.echobase.platform.plugins.module_utils.database.console import ServerConsole
from ansible_collections.echobase.platform.plugins.module_utils.engines.registry import engine_named
from ansible_collections.echobase.platform.plugins.module_utils.environment.external_database import ExternalDatabase, external_database
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment
from ansible_collections.echobase.platform.plugins.module_utils.external.examination import reached
from ansible_collections.echobase.platform.plugins.module_utils.external.logins import ExternalLogins
from ansible_collections.echobase.platform.plugins.module_utils.external.way import WayOut
from ansible_collections.echobase.platform.plugins.module_utils.migrations.dumped_copy import dumped_copy
from ansible_collections.echobase.platform.plugins.module_utils.module.environment_arguments import environment_of
from harness.database_under_test import succeeded
from harness.external_server import ExternalServer, external_server
from harness.images_under_test import image_tag
from harness.module_runner import run_module
from harness.waiting import eventually

pytestmark = pytest.mark.long_on("postgresql")

NUMBERS = {"mariadb": 91, "postgresql": 92}


@dataclass
class Ours:
    """The environment that uses the server, as far as it takes: a durable network."""

    home: Path
    server: ExternalServer

    @property
    def place(self) -> dict[str, Any]:
        ports = {"mariadb": 23190, "postgres": 23191, "redis": 23192, "edge": 23193, "operators": 23194}
        return {
            "environment": f"zz-ext-{self.server.engine[:5]}",
            "home": str(self.home),
            "network_prefix": "10.244",
            "ports": ports | {"blue_offset": 23200, "green_offset": 23300},
            "subnets": f"10.244.{104 if self.server.engine == 'mariadb' else 112}.0/21",
        }

    @property
    def env(self) -> Environment:
        return environment_of(self.place | {"index": None})

    def run(self, check: bool = False, **changes: Any) -> dict[str, Any]:
        return run_module("external_database", self.place | self.server.arguments(image=image_tag("nginx")) | changes, check=check)

    def refused(self, **changes: Any) -> str:
        answer = self.run(**changes)
        assert answer.get("failed"), answer
        return str(answer["msg"])

    def wishes(self, **changes: Any) -> dict[str, Any]:
        return {"external": self.server.wishes(**changes)}


@pytest.fixture(scope="module", params=["mariadb", "postgresql"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExternalServer]:
    home = tmp_path_factory.mktemp("theirs")
    with external_server(request.param, home, f"zz-theirs-{request.param[:5]}", NUMBERS[request.param]) as running:
        yield running


@pytest.fixture
def ours(server: ExternalServer, tmp_path: Path) -> Iterator[Ours]:
    made = Ours(tmp_path, server)
    Path(made.env.home).mkdir(mode=0o700)
    engine = docker.from_env()
    pool = docker.types.IPAMPool(subnet=made.env.durable_network.subnet)
    network = engine.networks.create(
        made.env.durable_network.name, ipam=docker.types.IPAMConfig(pool_configs=[pool]), labels={ENVIRONMENT_LABEL: made.env.name}
    )
    yield made
    succeeded(made.run(state="absent"))
    network.remove()
    engine.close()


def test_it_is_looked_at_written_down_and_reached(ours: Ours, server: ExternalServer) -> None:
    looked = succeeded(ours.run(state="looked_at"))
    assert (looked["changed"], looked["version"].split(".")[0]) == (False, {"mariadb": "11", "postgresql": "17"}[server.engine])
    assert looked["tls_cipher"]
    predicted = succeeded(ours.run(check=True))
    assert (predicted["changed"], external_database(ours.env), server.tables()) == (True, None, set())

    made = succeeded(ours.run())
    assert made["changed"] and made["steps"] == predicted["steps"]
    assert not made.get("warnings")
    assert server.tables() == set()
    database = external_database(ours.env)
    assert database and database.place == f"{server.host}:{server.relay.port}" and Path(database.authority).read_text() == server.authority
    again = succeeded(ours.run())
    assert (again["changed"], again["steps"]) == (False, [])

    # No secret is in what the engine tells of the way, or in any file but the secrets.
    told = str(docker.from_env().api.inspect_container(made["container"]))
    written = "".join(path.read_text() for path in Path(ours.env.home).rglob("*") if path.is_file())
    for user in ("app_user", "migrate_user"):
        assert server.server.password(user) not in told + written

    gone = succeeded(ours.run(state="absent"))
    assert gone["changed"] and external_database(ours.env) is None
    assert not succeeded(ours.run(state="absent"))["changed"]


def test_the_way_outlives_the_servers_failures(ours: Ours, server: ExternalServer) -> None:
    """Connections that break are the program's to open again; the way itself needs nobody."""
    succeeded(ours.run())
    database = external_database(ours.env)
    assert database
    login = ExternalLogins(ours.env, database).as_containers_do("app", server.server.password("app_user"))
    with reached(database, login) as session:
        assert session.query("SELECT 1") == [["1"]]
        server.relay.cut()
    server.relay.away = True
    assert "cannot be reached" in ours.refused(state="looked_at")
    server.relay.away = False

    def answers() -> bool:
        with reached(database, login) as session:
            return session.query("SELECT 1") == [["1"]]

    eventually(answers, "the way again")


def test_a_server_that_does_not_prove_who_it_is_is_refused(ours: Ours, server: ExternalServer) -> None:
    other = _other_authority()
    assert "does not show a certificate of the given authority" in ours.refused(state="looked_at", authority=other)
    assert "does not show a certificate of the given authority" in ours.refused(
        state="looked_at", **ours.wishes(host="db.somebody-else.example")
    )
    assert "holds no certificates" in ours.refused(state="looked_at", authority="no certificate")


def test_wrong_accounts_are_refused_before_anything_changes(ours: Ours, server: ExternalServer) -> None:
    for account in ("app", "migrate"):
        refusal = ours.refused(**{f"{account}_password": "wrong"})
        assert f"refuses account {account}_user for database orders_db" in refusal
        assert "wrong" not in refusal.replace("correct", "")
    assert "refuses account app_user for database nowhere" in ours.refused(**ours.wishes(name="nowhere"))
    assert external_database(ours.env) is None
    assert "may do more than an application should" in _with_more_rights(ours, server)
    assert server.tables() == set()


def test_another_engine_is_told_apart(ours: Ours, server: ExternalServer) -> None:
    other = "postgresql" if server.engine == "mariadb" else "mariadb"
    refusal = ours.refused(state="looked_at", engine=other)
    assert "cannot be reached" in refusal or "does not speak TLS" in refusal or "is no" in refusal


def test_an_account_that_lacks_a_right_is_named(ours: Ours, server: ExternalServer) -> None:
    database = server.server.env.database
    take, give = {
        "mariadb": (f"REVOKE DELETE ON `{database}`.* FROM app_user", f"GRANT DELETE ON `{database}`.* TO app_user"),
        "postgresql": tuple(
            f"ALTER DEFAULT PRIVILEGES FOR ROLE migrate_user IN SCHEMA public {words} app_user"
            for words in ("REVOKE DELETE ON TABLES FROM", "GRANT DELETE ON TABLES TO")
        ),
    }[server.engine]
    if server.engine == "mariadb":
        take, give = (text.replace(f"`{database}`", r"`orders\_db`") for text in (take, give))
    server.server.root(take)
    try:
        assert "account app_user may not DELETE FROM" in ours.refused()
    finally:
        server.server.root(give)
    assert server.tables() == set()


def test_data_of_ones_own_are_not_left_behind_unnoticed(ours: Ours, server: ExternalServer) -> None:
    volume = ours.env.server("mariadb").volume
    made = docker.from_env().volumes.create(volume, labels={ENVIRONMENT_LABEL: ours.env.name})
    try:
        assert f"has data of its own in volume {volume}" in ours.refused(state="looked_at")
        succeeded(ours.run(state="looked_at", beside=volume))
    finally:
        made.remove()


def _with_more_rights(ours: Ours, server: ExternalServer) -> str:
    give, take = {
        "mariadb": ("GRANT PROCESS ON *.* TO app_user", "REVOKE PROCESS ON *.* FROM app_user"),
        "postgresql": ("ALTER ROLE app_user CREATEROLE", "ALTER ROLE app_user NOCREATEROLE"),
    }[server.engine]
    server.server.root(give)
    try:
        return ours.refused()
    finally:
        server.server.root(take)


def _other_authority() -> str:
    """Some authority that this machine trusts, which has nothing to do with the server."""
    return ssl.DER_cert_to_PEM_cert(ssl.create_default_context().get_ca_certs(binary_form=True)[0])


@pytest.fixture
def prepared(ours: Ours, server: ExternalServer) -> Iterator[Ours]:
    """With secrets and certificates, as the roles make them, and something in the database."""
    passwords = {f"db_{account}_password": server.server.password(f"{account}_user") for account in ("app", "migrate")}
    succeeded(run_module("environment_secrets", ours.place | {"volume_exists": False} | passwords))
    succeeded(run_module("certificates", ours.place))
    image = image_tag(server.server.names.service)
    assert succeeded(ours.run(rehearsal_image=image))["image_major"] == {"mariadb": "11.8", "postgresql": "17"}[server.engine]
    server.server.sql("migrate_user", "CREATE TABLE visits (id INT PRIMARY KEY, who VARCHAR(40))")
    server.server.sql("app_user", "INSERT INTO visits VALUES (1, 'Ann'), (2, 'Zo\u00eb')")
    yield ours
    server.server.sql("migrate_user", "DROP TABLE visits")


def test_a_copy_for_a_rehearsal_is_whole_and_leaves_nothing_behind(prepared: Ours, server: ExternalServer) -> None:
    env, engine = prepared.env, docker.from_env()
    database = external_database(env)
    assert database
    with dumped_copy(engine, env, database) as copy:
        assert (copy.host, copy.is_live) == (env.server(server.engine).container, False)
        console = ServerConsole(engine_named(server.engine), env, f"echobase-{env.name}-rehearsal-database")
        text = {"mariadb": "HEX(who)", "postgresql": "upper(encode(convert_to(who, 'UTF8'), 'hex'))"}[server.engine]
        names = [bytes.fromhex(row[0]).decode() for row in console.query(f"SELECT {text} FROM visits ORDER BY id")]
        assert names == ["Ann", "Zo\u00eb"]
        # Whoever migrates may change it, and the application's account may not.
        owner = {"mariadb": "SELECT 'migrate_user'", "postgresql": "SELECT tableowner FROM pg_tables WHERE tablename = 'visits'"}
        assert console.query(owner[server.engine]) == [["migrate_user"]]
        console.log_in("app_user", server.server.password("app_user"))
        # No port of this machine leads to it, and it is on no network but the rehearsal's.
        described = engine.api.inspect_container(f"echobase-{env.name}-rehearsal-database")
        assert list(described["NetworkSettings"]["Networks"]) == [copy.network]
        assert not [port for port in described["NetworkSettings"]["Ports"].values() if port]
    mine = {"label": f"{ENVIRONMENT_LABEL}={env.name}"}
    assert [volume.name for volume in engine.volumes.list(filters=mine)] == []
    assert not [one.name for one in engine.containers.list(all=True, filters=mine) if "rehearsal" in one.name]
    assert server.server.sql("migrate_user", "SELECT count(*) FROM visits")[0][0] == 2


def test_what_is_too_large_or_cannot_be_read_is_no_copy(prepared: Ours, server: ExternalServer) -> None:
    env, engine = prepared.env, docker.from_env()
    database = external_database(env)
    assert database
    too_large = r"a copy for a rehearsal may have 1k - raise echobase_external_database.rehearsal_max_size"
    with pytest.raises(Refusal, match=too_large), dumped_copy(engine, env, replace(database, rehearsal_max_size="1k")):
        raise AssertionError("copied")
    if server.engine == "postgresql":
        # A table that is somebody else's makes a dump end half-way; half a copy proves nothing.
        server.server.root("CREATE TABLE public.secret (id INT)")
        try:
            denied = r"cannot be copied for a rehearsal: .*permission denied for table secret"
            with pytest.raises(Refusal, match=denied), dumped_copy(engine, env, database):
                raise AssertionError("copied")
        finally:
            server.server.root("DROP TABLE public.secret")


@pytest.mark.long
def test_a_server_that_moves_is_followed_by_its_name(ours: Ours, server: ExternalServer) -> None:
    """Without an address the way looks the name up, time and again; here the engine's own resolver knows it."""
    engine = docker.from_env()
    authority = Path(ours.env.home) / "authority.crt"
    authority.write_text(server.authority)
    port, name = server.server.names.container_port, server.server.env.database
    database = ExternalDatabase(server.engine, server.host, port, name, "app_user", "migrate_user", str(authority))
    login = ExternalLogins(ours.env, database).as_containers_do("app", server.server.password("app_user"))

    def answers() -> bool:
        try:
            with reached(database, login) as session:
                return session.query("SELECT 1") == [["1"]]
        except Refusal:
            return False

    network = engine.networks.get(ours.env.durable_network.name)
    prefix = ours.env.durable_network.subnet.rpartition(".")[0]
    try:
        for address in (f"{prefix}.200", f"{prefix}.201"):
            network.connect(server.host, ipv4_address=address)
            WayOut(engine, ours.env).ensure(database, image_tag("nginx"))
            eventually(answers, f"the server at {address}")
            network.disconnect(server.host)
    finally:
        network.reload()
        if server.host in {container.name for container in network.containers}:
            network.disconnect(server.host)
