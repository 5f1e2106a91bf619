"""Role edge and its module edge_config in environment test: what goes live, what does not, and what a running edge feels of it."""

from __future__ import annotations

import json
import os
import re
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from ansible_collections.echobase.platform.plugins.module_utils.nginx_routes import NginxRoutes
from ansible_collections.echobase.platform.plugins.module_utils.topology import environment
from integration.images_under_test import image_tag
from integration.module_runner import CHECKOUT
from integration.throwaway_tls import make_certificates

NETWORK_PREFIX = "127.79"
SESSION = "0peratorsSecretSess10n"
_RECAP = re.compile(r"ok=(\d+)\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)")
PLAYBOOK = """
- hosts: localhost
  gather_facts: false
  roles: [echobase.platform.edge]
"""


@dataclass(frozen=True)
class RoleRun:
    changed: int
    failed: int
    output: str


class Scene:
    def __init__(self, folder: Path) -> None:
        self.env = environment("test", str(folder), NETWORK_PREFIX)
        self.home = Path(self.env.home)
        self.variables = {
            "echobase_env": "test",
            "echobase_home": str(folder),
            "echobase_network_prefix": NETWORK_PREFIX,
            "edge_image": image_tag("nginx"),
            "ansible_python_interpreter": sys.executable,
        }
        self.playbook = folder / "edge.yml"
        self.playbook.write_text(PLAYBOOK)
        make_certificates(self.home / "tls", [colour.tls_name for colour in self.env.colours.values()])
        (self.home / "secrets" / "edge").mkdir(parents=True)
        (self.home / "secrets" / "operator_session").write_text(SESSION)
        (self.home / "secrets" / "edge" / "operators.htpasswd").write_text("operator:unused\n")

    def run(self, *arguments: str, **variables: object) -> RoleRun:
        command = [sys.executable, "-m", "ansible", "playbook", "-i", "localhost,", "-c", "local", str(self.playbook)]
        done = subprocess.run(
            [*command, *arguments, "-e", json.dumps(self.variables | variables)],
            cwd=CHECKOUT,
            env=os.environ | {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        recap = _RECAP.search(done.stdout)
        assert recap, done.stdout
        return RoleRun(int(recap[2]), int(recap[4]), done.stdout)

    def files(self) -> dict[str, str]:
        found = {str(path.relative_to(self.home)): path for path in self.home.rglob("*") if path.is_file() and path.name != ".lock"}
        return {name: path.read_text() for name, path in sorted(found.items())}

    def container(self) -> tuple[str, int]:
        """Its id and its master's process: neither changes by a reload."""
        shown = docker("inspect", "--format", "{{.Id}} {{.State.Pid}}", self.env.edge_container).split()
        return shown[0], int(shown[1])

    def post(self, size: int) -> int:
        context = ssl.create_default_context(cafile=str(self.home / "tls" / "ca.crt"))
        return httpx.post(f"https://localhost:{self.env.edge_port}/api/orders", content=b"x" * size, verify=context).status_code


def docker(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    scene = Scene(tmp_path)
    assert not docker("ps", "--all", "--quiet", f"--filter=name=^{scene.env.edge_container}$"), "environment test is up: take it down first"
    yield scene
    assert scene.run(edge_state="absent").failed == 0


@pytest.fixture
def running(scene: Scene) -> Scene:
    assert scene.run().failed == 0
    return scene


def test_each_state_twice_and_check_mode(scene: Scene) -> None:
    before = scene.files()
    predicted = scene.run("--check", "--diff")
    assert (predicted.changed, predicted.failed, scene.files()) == (1, 0, before)

    first = scene.run("--diff")
    assert (first.changed, first.failed) == (2, 0)
    assert scene.post(10) == 503
    assert NginxRoutes(scene.home / "routes").current().weights.is_empty
    files = scene.files()
    for arguments in ((), ("--check",)):
        again = scene.run(*arguments)
        assert (again.changed, again.failed, scene.files()) == (0, 0, files), again.output

    for check in (("--check",), ()):
        assert scene.run(*check, edge_state="absent").changed == 1
    gone = scene.run(edge_state="absent")
    assert (gone.changed, gone.failed) == (0, 0)
    assert not docker("ps", "--all", "--quiet", f"--filter=name=^{scene.env.edge_container}$")
    # Where traffic belongs outlives the edge.
    assert NginxRoutes(scene.home / "routes").exists()


def test_the_rest_of_the_durable_layer_outlives_the_edge(running: Scene) -> None:
    """`docker compose down` takes every container of the project with it, and the database is one."""
    project = running.env.durable_project
    neighbour = ["--label", f"com.docker.compose.project={project}", "--label", "com.docker.compose.service=mariadb"]
    name = docker("run", "--detach", "--rm", *neighbour, "--network", "none", image_tag("nginx"), "sleep", "300").strip()
    try:
        assert running.run(edge_state="absent").changed == 1
        assert docker("inspect", "--format", "{{.State.Running}}", name).strip() == "true"
    finally:
        docker("rm", "--force", name)


def test_no_secret_is_shown(scene: Scene) -> None:
    assert SESSION not in scene.run("--diff", "-vvv").output
    assert SESSION in scene.files()["secrets/edge/operator_session.conf"]
    assert SESSION not in docker("inspect", scene.env.edge_container)


def test_a_configuration_that_nginx_refuses_never_goes_live(running: Scene) -> None:
    before, files = running.container(), running.files()
    for arguments in (("--check",), ()):
        refused = running.run(*arguments, edge_max_body="2q")
        assert refused.failed == 1
        words = " ".join(refused.output.split())
        assert 'nginx refuses the edge\'s new configuration: "client_max_body_size" directive invalid value in /edge/nginx.conf:' in words
    assert (running.container(), running.files()) == (before, files)
    assert running.post(10) == 503


def test_a_changed_configuration_reloads_the_running_edge(running: Scene) -> None:
    before = running.container()
    assert running.post(1_500_000) == 413
    assert running.run(edge_max_body="2m").changed == 1
    assert running.post(1_500_000) == 503
    assert running.container() == before
    assert running.run(edge_max_body="2m").changed == 0


def test_a_renewed_certificate_reloads_the_running_edge(running: Scene) -> None:
    before = running.container()
    make_certificates(running.home / "renewed", [])
    for name in ("ca.crt", "edge/tls.crt", "edge/tls.key"):
        (running.home / "tls" / name).write_bytes((running.home / "renewed" / name).read_bytes())
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        running.post(10)
    assert running.run().changed == 1
    assert running.post(10) == 503
    assert running.container() == before


def test_a_run_that_was_killed_before_the_reload_is_made_good(running: Scene) -> None:
    running.run(edge_max_body="2m")
    configuration = running.home / "edge" / "nginx.conf"
    configuration.write_text(configuration.read_text().replace("client_max_body_size 2m", "client_max_body_size 3m"))
    assert running.post(2_500_000) == 413
    assert running.run(edge_max_body="3m").changed == 1
    assert running.post(2_500_000) == 503


def test_a_taken_port_is_named_with_its_holder(scene: Scene) -> None:
    with socket.create_server(("127.0.0.1", scene.env.operators_port)):
        refused = scene.run()
    words = " ".join(refused.output.split())
    assert refused.failed == 1
    assert f"port {scene.env.operators_port}, which echobase-test-edge needs, is taken by process {os.getpid()} (" in words
    assert not (scene.home / "edge").exists()


def test_a_container_of_the_same_name_that_is_not_ours_is_left_alone(scene: Scene) -> None:
    name = scene.env.edge_container
    docker("create", f"--name={name}", image_tag("nginx"))
    try:
        refused = scene.run()
        assert refused.failed == 1
        assert f"container {name} exists and was not made by echobase" in " ".join(refused.output.split())
        assert docker("inspect", "--format", "{{.State.Status}}", name) == "created"
    finally:
        docker("rm", "--force", name)
