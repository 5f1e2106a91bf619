"""Three applications that know nothing of the platform, deployed in an environment of their own, one release after the other: Django with
PostgreSQL, Node with Redis and WebSocket, a static site. Customers ask all the time, and none is left without an answer."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import websockets.sync.client

from ansible_collections.echobase.platform.plugins.module_utils.application.stored import StoredDefinitions
from ansible_collections.echobase.platform.plugins.module_utils.environment.ports_and_subnets import Placement
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment, environment
from harness.steady_customers import SteadyCustomers

pytestmark = pytest.mark.long

CHECKOUT = Path(__file__).resolve().parents[3]
NAME, INDEX = "examples", 8
OK = frozenset({200})


@dataclass
class Place:
    env: Environment
    inventory: Path
    ca_file: str

    @property
    def url(self) -> str:
        return f"https://localhost:{self.env.edge_port}"

    def run(self, playbook: str, app: str = "guestbook", **variables: object) -> str:
        given = {"echobase_application": str(CHECKOUT / "apps" / app / "compose.yml"), **variables}
        command = [
            sys.executable,
            "-m",
            "ansible",
            "playbook",
            "-i",
            str(self.inventory),
            f"playbooks/{playbook}.yml",
            "-e",
            json.dumps(given),
        ]
        surroundings = os.environ | {"ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
        done = subprocess.run(command, cwd=CHECKOUT, env=surroundings, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{playbook} of {app}:\n{done.stdout}{done.stderr}"
        return done.stdout

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, verify=ssl.create_default_context(cafile=self.ca_file), timeout=20)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("examples")
    env = environment(NAME, str(folder), placement=Placement(INDEX))
    variables = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "echobase_env": NAME,
        "echobase_index": INDEX,
        "echobase_home": str(folder),
        "echobase_engine": "postgresql",
        "echobase_observability": False,
        "db_migration_gate": False,
    }
    inventory = folder / "hosts.json"
    inventory.write_text(json.dumps({"echobase": {"hosts": {NAME: variables}}}))
    it = Place(env, inventory, env.public_authority_file)
    try:
        it.run("setup")
        yield it
    finally:
        it.run(
            "teardown", durable_db_confirm=env.server("postgresql").volume, cache_confirm=env.cache.volume, durable_db_final_backup=False
        )


def test_each_is_deployed_canaried_promoted_and_rolled_back_and_nobody_is_left_without_an_answer(place: Place) -> None:
    with place.client() as client:
        assert client.post("/api/entries", json={"name": "Ann", "text": "the first"}).status_code == 201
        with SteadyCustomers(place.url, place.ca_file, {"/": OK}) as customers:
            # Another application altogether: its routes come while the one before goes on.
            output = place.run("deploy", "chat")
            assert "is proved by its readiness alone" in output
            assert client.get("/api/entries").status_code == 200, "who is served by the guest book sees its routes"
            place.run("canary", "chat", canary_percent=50)
            place.run("promote", "chat")
            trust = ssl.create_default_context(cafile=place.ca_file)
            with websockets.sync.client.connect(f"{place.url.replace('https', 'wss')}/socket", ssl=trust) as socket:
                socket.send(json.dumps({"text": "hello"}))
                assert json.loads(socket.recv(timeout=10)) == {"text": "hello"}
            assert client.get("/api/entries").status_code == 404, "the chat has no such route"
            place.run("rollback", "chat")
            assert [entry["text"] for entry in client.get("/api/entries").json()["entries"] if entry["name"] == "Ann"] == ["the first"]
            place.run("promote", "chat")
            place.run("cleanup", "chat")
            place.run("deploy", "pages")
            place.run("promote", "pages")
        assert "A page that no release takes away" in client.get("/").text
    assert customers.wrong == []
    assert set(customers.colours) == {"blue", "green"}
    assert customers.answered > 200


def test_a_second_run_finds_nothing_to_do(place: Place) -> None:
    assert "changed=0" in place.run("setup", "pages").splitlines()[-2]


def test_secrets_that_an_application_asks_for_stay(place: Place) -> None:
    kept = Path(place.env.path("secrets", "app", "SECRET_KEY")).read_text()
    place.run("deploy", "guestbook")
    assert Path(place.env.path("secrets", "app", "SECRET_KEY")).read_text() == kept
    deployed = StoredDefinitions(place.env).of("blue")
    assert deployed is not None
