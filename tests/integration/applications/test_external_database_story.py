"""The whole story of an environment whose database somebody else runs: orders on their MariaDB, a guest book on their PostgreSQL."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import docker
import httpx
import pytest

from ansible_collections.echobase.platform.plugins.module_utils.environment.ports_and_subnets import Placement
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment, environment
from harness.external_server import ExternalServer, external_server

pytestmark = pytest.mark.long

CHECKOUT = Path(__file__).resolve().parents[3]
NAME, INDEX = "outside", 9
NUMBERS = {"mariadb": 93, "postgresql": 94}
APPLICATIONS = {"mariadb": "", "postgresql": str(CHECKOUT / "apps" / "guestbook" / "compose.yml")}


@dataclass
class Place:
    env: Environment
    folder: Path
    server: ExternalServer

    def __post_init__(self) -> None:
        """An inventory as a user writes it: passwords and authority are in files beside it."""
        (self.folder / "files").mkdir()
        for account in ("app", "migrate"):
            file = self.folder / "files" / f"{account}-password"
            file.write_text(self.server.server.password(f"{account}_user") + "\n")
            file.chmod(0o600)
        (self.folder / "files" / "authority.crt").write_text(self.server.authority)
        wishes = self.server.wishes(ca_file=str(self.folder / "files" / "authority.crt"))
        for account, user in wishes["users"].items():
            user["password_file"] = str(self.folder / "files" / f"{account}-password")
        variables = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "echobase_env": NAME,
            "echobase_index": INDEX,
            "echobase_home": str(self.folder),
            "echobase_engine": self.server.engine,
            "echobase_database": "external",
            "echobase_external_database": wishes,
            "echobase_observability": False,
        }
        if APPLICATIONS[self.server.engine]:
            variables["echobase_application"] = APPLICATIONS[self.server.engine]
        self.inventory.write_text(json.dumps({"echobase": {"hosts": {NAME: variables}}}))

    @property
    def inventory(self) -> Path:
        return self.folder / "hosts.json"

    def play(self, playbook: str, *arguments: str, **variables: object) -> tuple[int, str]:
        command = [sys.executable, "-m", "ansible", "playbook", "-i", str(self.inventory), f"playbooks/{playbook}.yml", *arguments]
        surroundings = os.environ | {"ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
        done = subprocess.run(
            [*command, "-e", json.dumps(variables)], cwd=CHECKOUT, env=surroundings, capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout + done.stderr

    def run(self, playbook: str, *arguments: str, **variables: object) -> str:
        code, output = self.play(playbook, *arguments, **variables)
        assert code == 0, f"{playbook}:\n{output}"
        return output

    def refused(self, playbook: str, **variables: object) -> str:
        code, output = self.play(playbook, **variables)
        assert code != 0, f"{playbook}:\n{output}"
        assert "Traceback" not in output, output
        return " ".join(output.split())


@pytest.fixture(scope="module", params=["mariadb", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    theirs = tmp_path_factory.mktemp("theirs")
    with external_server(request.param, theirs, f"zz-outside-{request.param[:5]}", NUMBERS[request.param]) as server:
        folder = tmp_path_factory.mktemp("ours")
        it = Place(environment(NAME, str(folder), placement=Placement(INDEX)), folder, server)
        try:
            yield it
        finally:
            it.play("teardown", cache_confirm=it.env.cache.volume)


def changed(output: str) -> int:
    return int(output.rpartition("changed=")[2].split()[0])


def take_over_another_password(place: Place) -> None:
    """Its owner changes the application's password, and we hand it on. One that is wrong never reaches the programs."""
    server, file = place.server, place.folder / "files" / "app-password"
    file.write_text("a-wrong-one\n")
    assert "refuses account app_user" in place.refused("rotate_secrets", rotate="db_app_password")
    change = {
        "mariadb": "ALTER USER app_user@'%' IDENTIFIED VIA mysql_native_password USING PASSWORD('another') REQUIRE SSL",
        "postgresql": "ALTER ROLE app_user PASSWORD 'another'",
    }
    server.server.root(change[server.engine])
    file.write_text("another\n")
    rotation = {"rotate": "db_app_password"}
    if server.engine == "postgresql":
        # The guest book has it in a variable: only a deployment tells it.
        assert "rotate_interrupts" in place.refused("rotate_secrets", **rotation)
        rotation["rotate_interrupts"] = "true"
    assert changed(place.run("rotate_secrets", **rotation)) >= 1
    if server.engine == "postgresql":
        # The live colour cannot prove itself with the old one; it has not to, where the schema stays.
        place.run("deploy", app_stack_expands=False)
        place.run("promote")
    assert "TLS verified" in place.run("status")
    assert changed(place.run("setup_durable")) == 0


def test_the_story(place: Place) -> None:
    server = place.server
    assert changed(place.run("setup_durable", "--check", "--diff")) > 0
    assert server.tables() == set()
    place.run("setup")
    tables = server.tables()
    assert tables
    assert changed(place.run("setup")) == 0

    # The application works on it, and nothing of ours stands beside it.
    with httpx.Client(
        base_url=f"https://localhost:{place.env.edge_port}",
        verify=ssl.create_default_context(cafile=place.env.public_authority_file),
        timeout=20,
    ) as client:
        assert client.get("/").status_code == 200
    engine = docker.from_env()
    names = {container.name for container in engine.containers.list(all=True, filters={"label": f"io.echobase.environment={NAME}"})}
    assert f"echobase-{NAME}-durable-external-database" in names
    assert not {place.env.server(one).container for one in ("mariadb", "postgresql")} & names
    assert not [
        volume for volume in engine.volumes.list() if volume.name in {place.env.server(one).volume for one in ("mariadb", "postgresql")}
    ]

    # Nobody who asks the engine sees a password, unless the application wants it in a variable.
    told = "".join(str(engine.api.inspect_container(name)) for name in names)
    assert (server.server.password("app_user") in told) is (server.engine == "postgresql")
    assert server.server.password("migrate_user") not in told

    status = place.run("status")
    assert f"external, at {server.host}:{server.relay.port}, TLS verified" in status
    assert "backups, restore and upgrades are its owner's; nobody here knows to when it could be restored" in status

    # Tables have rows now, so a migration asks for a restore point, which nobody knows of.
    if server.engine == "postgresql":
        assert "nobody here knows to when" in place.refused("deploy_green")
    moment = place.folder / "restore-point"
    moment.write_text("#!/bin/sh\ndate --utc +%Y-%m-%dT%H:%M:%SZ\n")
    moment.chmod(0o700)
    inventory = json.loads(place.inventory.read_text())
    inventory["echobase"]["hosts"][NAME]["echobase_external_database"]["restore_points"] = str(moment)
    place.inventory.write_text(json.dumps(inventory))
    assert changed(place.run("setup_durable")) == 1
    assert "its owner tells of restore points" in place.run("status")
    deployed = place.run("deploy_green")
    if server.engine == "postgresql":
        # What the framework's own command would do is tried on a copy, where both releases then serve.
        assert "rehearsing expand on a" in deployed and "served on it: " in deployed
    place.run("promote")
    place.run("rollback")

    # What takes a server of our own is refused in one line that says whose it is.
    for playbook, what in (
        ("backup", "a backup"),
        ("drill", "a restore drill"),
        ("upgrade", "an upgrade"),
        ("promote_replica", "the promotion of a replica"),
    ):
        assert f"{what} is not ours to do: the database of environment {NAME} is external, at {server.host}" in place.refused(playbook)
    assert "a restore is not ours to do" in place.refused("restore", restore_to="latest")
    assert "is not ours to change" in place.refused("rotate_secrets", rotate="db_monitor_password")
    for playbook in ("setup_durable", "deploy"):
        assert "the inventory does not say so any more" in place.refused(playbook, echobase_database="own")

    take_over_another_password(place)

    place.run("teardown")
    assert server.tables() >= tables
    assert not Path(place.env.path("external-database")).exists()
