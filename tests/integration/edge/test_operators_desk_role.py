"""Role operators_desk in environment test, on a network of its own: the real container behind the real edge."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bcrypt
import httpx
import pytest

from ansible_collections.echobase.platform.plugins.module_utils.credentials.certificates import Certificates
from ansible_collections.echobase.platform.plugins.module_utils.credentials.environment_secrets import EnvironmentSecrets
from ansible_collections.echobase.platform.plugins.module_utils.environment.inside import AUTHORITY_FILE
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import environment
from harness.desk_under_test import visitor
from harness.edge_under_test import edge_facts, running_edge
from harness.images_under_test import image_tag
from harness.role_run import RoleRun, run_roles
from harness.waiting import eventually

PREFIX = "10.242"
ROLES = ["echobase.platform.networks", "echobase.platform.operators_desk"]


class Scene:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = environment("test", str(folder), PREFIX)
        self.home = Path(self.env.home)
        Certificates.of_environment(self.env).present(check=False)
        EnvironmentSecrets(self.env, None, data=lambda: ()).present(check=False)

    def run(self, *arguments: str, roles: list[str] = ROLES, **variables: object) -> RoleRun:
        known = {
            "echobase_env": "test",
            "echobase_home": str(self.folder),
            "echobase_network_prefix": PREFIX,
            "operators_desk_image": image_tag("backend"),
            "ansible_python_interpreter": sys.executable,
        }
        return run_roles(self.folder / "desk.yml", roles, known | variables, *arguments)

    def inspect(self) -> dict[str, Any]:
        return dict(json.loads(docker("inspect", self.env.desk_container))[0])

    def password(self) -> str:
        return (self.home / "secrets" / "operator_password").read_text()


def docker(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout.strip()


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    scene = Scene(tmp_path)
    assert not docker("ps", "--all", "--quiet", f"--filter=name=^{scene.env.desk_container}$"), "environment test is up: take it down first"
    yield scene
    gone = scene.run(roles=ROLES[::-1], operators_desk_state="absent", networks_state="absent")
    assert gone.failed == 0, gone.output


@pytest.mark.long
def test_each_state_twice_and_check_mode(scene: Scene) -> None:
    assert scene.run(roles=ROLES[:1]).failed == 0
    predicted = scene.run("--check", "--diff")
    assert (predicted.changed, predicted.failed) == (1, 0), predicted.output
    assert not (scene.home / "compose").exists()
    first = scene.run()
    assert (first.changed, first.failed) == (1, 0), first.output
    for arguments in ((), ("--check",)):
        again = scene.run(*arguments)
        assert (again.changed, again.failed) == (0, 0), again.output
    docker("stop", scene.env.desk_container)
    for arguments in (("--check",), ()):
        drifted = scene.run(*arguments)
        assert (drifted.changed, drifted.failed) == (1, 0), drifted.output
    assert scene.inspect()["State"]["Health"]["Status"] == "healthy"
    observed = f"https://{scene.env.desk_observed_address}:8443"
    asked = {path: httpx.get(f"{observed}{path}", verify=False).status_code for path in ("/metrics", "/health", "/login", "/check/session")}
    assert asked == {"/metrics": 200, "/health": 200, "/login": 404, "/check/session": 404}
    for secret in (scene.home / "secrets").rglob("*_key"):
        assert secret.read_text() not in first.output + json.dumps(scene.inspect())

    absent: dict[str, Any] = {"roles": ROLES[1:], "operators_desk_state": "absent"}
    for arguments in (("--check",), ()):
        gone = scene.run(*arguments, **absent)
        assert (gone.changed, gone.failed) == (1, 0), gone.output
    gone = scene.run(**absent)
    assert (gone.changed, gone.failed) == (0, 0)
    assert not docker("ps", "--all", "--quiet", f"--filter=name=^{scene.env.desk_container}$")


@pytest.mark.long
def test_a_container_of_the_same_name_that_is_not_ours_is_left_alone(scene: Scene) -> None:
    name = scene.env.desk_container
    docker("create", f"--name={name}", image_tag("backend"))
    try:
        assert scene.run(roles=ROLES[1:], operators_desk_state="absent").failed == 0
        assert docker("inspect", "--format", "{{.State.Status}}", name) == "created"
    finally:
        docker("rm", "--force", name)


def test_the_container_can_do_little_and_the_edge_alone_speaks_for_clients(scene: Scene) -> None:
    assert scene.run().failed == 0
    desk = scene.inspect()
    host, config = desk["HostConfig"], desk["Config"]
    assert (host["ReadonlyRootfs"], host["CapDrop"], host["CapAdd"], host["PortBindings"]) == (True, ["ALL"], None, {})
    assert (host["SecurityOpt"], host["Memory"], host["RestartPolicy"]["Name"]) == (["no-new-privileges:true"], 256 << 20, "unless-stopped")
    assert config["User"] == "10001:10001"
    writable = {mount["Destination"]: mount["RW"] for mount in desk["Mounts"]}
    assert writable == {"/data": True, "/logs": False, "/run/secrets": False, "/run/tls": False, AUTHORITY_FILE: False}

    with running_edge(edge_facts(scene.folder, "desk-role", 26543, PREFIX), image_tag("nginx")) as edge:
        with visitor(edge, "127.2.0.9") as operator:
            answer = operator.log_in(password=scene.password())
            assert answer.status_code == 303, answer.text
            assert operator.client.get("/edge/metrics").status_code == 200
            docker("kill", "--signal=KILL", scene.env.desk_container)
            docker("start", scene.env.desk_container)
            eventually(lambda: operator.client.get("/edge/metrics").status_code == 200, "the session survives")
            assert operator.log_out().status_code == 303
        assert "operator logged in from 127.2.0.9" in docker("logs", scene.env.desk_container)

    # A neighbour on the network does not reach the desk at all.
    connect = f"import socket; socket.setdefaulttimeout(2); print(socket.socket().connect_ex(('{scene.env.desk_address}', 8443)))"
    network = f"--network={scene.env.edge_network.name}"
    assert docker("run", "--rm", network, image_tag("backend"), "python", "-c", connect) != "0"

    # Whoever does, and is not the edge, says in vain that it speaks for somebody else.
    address = f"https://{scene.env.desk_address}:8443/check/session"
    ask = (
        "import base64, ssl, urllib.error, urllib.request as u\n"
        "headers = {name: '192.0.2.7' for name in ('X-Forwarded-For', 'X-Real-IP')}\n"
        "headers['Authorization'] = 'Basic ' + base64.b64encode(b'operator:wrong').decode()\n"
        f"try: u.urlopen(u.Request({address!r}, headers=headers), context=ssl._create_unverified_context())\n"
        "except urllib.error.HTTPError as error: print(error.code)\n"
    )
    assert docker("exec", scene.env.desk_container, "python", "-c", ask) == "401"
    logs = docker("logs", scene.env.desk_container)
    assert f"login as operator from {scene.env.desk_address} failed" in logs
    assert "192.0.2.7" not in logs
    assert scene.password() not in logs


@pytest.mark.long
def test_further_operators_stay_when_secrets_are_kept(scene: Scene) -> None:
    assert scene.run().failed == 0
    file = scene.home / "secrets" / "desk" / "operators.htpasswd"
    hashed = bcrypt.hashpw(b"of anna", bcrypt.gensalt(4)).decode()
    file.write_text(file.read_text() + f"anna:{hashed}\n")
    EnvironmentSecrets(scene.env, None, data=lambda: ()).present(check=False)
    assert f"anna:{hashed}" in file.read_text()
    address = f"https://{scene.env.desk_address}:8443/check/session"
    for password, status in (("of anna", 204), ("of bert", 401)):
        assert httpx.get(address, auth=httpx.BasicAuth("anna", password), verify=False).status_code == status
