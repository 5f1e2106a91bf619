"""Role edge and its module edge_config in environment test: what goes live, what does not, and what its clients feel of it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from ansible_collections.echobase.platform.plugins.module_utils.application.definition import Definition
from ansible_collections.echobase.platform.plugins.module_utils.application.edge_routes import edge_routes
from ansible_collections.echobase.platform.plugins.module_utils.credentials.own_certificate import OwnCertificate
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import environment
from ansible_collections.echobase.platform.plugins.module_utils.host.routes import host_has_ipv6
from ansible_collections.echobase.platform.plugins.module_utils.traffic.nginx_routes import NginxRoutes
from ansible_collections.echobase.platform.plugins.module_utils.traffic.weights import Weights
from harness.edge_under_test import routes_settings
from harness.images_under_test import image_tag
from harness.killed_runs import kill_with_descendants
from harness.role_run import RoleRun, role_run, start_playbook
from harness.throwaway_tls import make_certificates
from harness.waiting import eventually

NETWORK_PREFIX = "127.79"
PLAYBOOK = """
- hosts: localhost
  gather_facts: false
  roles: [echobase.platform.edge]
"""


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

    def run(self, *arguments: str, **variables: object) -> RoleRun:
        run = self.start(*arguments, **variables)
        output, _ = run.communicate()
        return role_run(output)

    def start(self, *arguments: str, **variables: object) -> subprocess.Popen[str]:
        return start_playbook(self.playbook, self.variables | variables, *arguments, own_session=True)

    def files(self) -> dict[str, str]:
        found = {
            str(path.relative_to(self.home)): path
            for path in self.home.rglob("*")
            if path.is_file() and path.name != ".lock" and path.parent.name != "edge-log"
        }
        return {name: path.read_text() for name, path in sorted(found.items())}

    def container(self) -> str:
        return docker("inspect", "--format", "{{.Id}}", self.env.edge_container)

    def process(self, container: str) -> int:
        return int(docker("inspect", "--format", "{{.State.Pid}}", container))

    def client(self, **options: Any) -> httpx.Client:
        context = ssl.create_default_context(cafile=str(self.home / "tls" / "ca.crt"))
        return httpx.Client(base_url=f"https://localhost:{self.env.edge_port}", verify=context, timeout=30, **options)

    def post(self, size: int) -> int:
        with self.client() as client:
            return client.post("/upload", content=b"x" * size).status_code

    def containers(self) -> set[str]:
        there = docker("ps", "--all", "--format", "{{.Names}}").splitlines()
        return {self.env.edge_container, self.env.edge_next_container, self.env.sockets_container} & set(there)

    def succeeds(self, container: str, *command: str) -> bool:
        return subprocess.run(["docker", "exec", container, *command], capture_output=True, check=False).returncode == 0


def docker(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True).stdout.strip()


class Customer:
    """Asks all the time, on one connection for as long as the edge lets it."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._ask)
        self.answers: Counter[int] = Counter()
        self.failures: list[Exception] = []

    def __enter__(self) -> Customer:
        self._thread.start()
        eventually(lambda: self.answers.total() > 0, "the edge answers somebody")
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _ask(self) -> None:
        with self._scene.client() as client:
            while not self._stop.wait(0.01):
                try:
                    self.answers[client.get("/api/orders").status_code] += 1
                except httpx.HTTPError as error:
                    self.failures.append(error)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    scene = Scene(tmp_path)
    assert not scene.containers(), "environment test is up: take it down first"
    yield scene
    assert scene.run(edge_state="absent").failed == 0


@pytest.fixture
def running(scene: Scene) -> Scene:
    first = scene.run()
    assert first.failed == 0, first.output
    return scene


def test_each_state_twice_and_check_mode(scene: Scene) -> None:
    before = scene.files()
    predicted = scene.run("--check", "--diff")
    assert (predicted.changed, predicted.failed, scene.files()) == (1, 0, before)

    first = scene.run("--diff")
    assert (first.changed, first.failed) == (1, 0)
    assert scene.post(10) == 503
    assert NginxRoutes(scene.home / "routes").current().weights.is_empty
    assert scene.containers() == {scene.env.edge_container, scene.env.sockets_container}
    files = scene.files()
    for arguments in ((), ("--check",)):
        again = scene.run(*arguments)
        assert (again.changed, again.failed, scene.files()) == (0, 0, files), again.output

    for check in (("--check",), ()):
        assert scene.run(*check, edge_state="absent").changed == 1
    gone = scene.run(edge_state="absent")
    assert (gone.changed, gone.failed) == (0, 0)
    assert not scene.containers()
    assert not (scene.home / "edge-sockets").exists()
    # Where traffic belongs outlives the edge.
    assert NginxRoutes(scene.home / "routes").exists()


@pytest.mark.long
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


def test_a_configuration_that_nginx_refuses_never_goes_live(running: Scene) -> None:
    before, files = running.container(), running.files()
    for arguments in (("--check",), ()):
        refused = running.run(*arguments, edge_max_body="2q")
        assert refused.failed == 1
        words = " ".join(refused.output.split())
        assert 'nginx refuses the edge\'s new configuration: "client_max_body_size" directive invalid value in /edge/nginx.conf:' in words
    assert (running.container(), running.files()) == (before, files)
    assert running.post(10) == 503


def test_a_changed_configuration_goes_live_and_nobody_is_cut_off(running: Scene) -> None:
    before, files = running.container(), running.files()
    assert running.post(1_500_000) == 413
    predicted = running.run("--check", edge_max_body="2m")
    assert (predicted.changed, running.files()) == (1, files)
    with Customer(running) as customer:
        assert running.run(edge_max_body="2m").changed == 1
        assert running.post(1_500_000) == 503
    assert customer.failures == []
    assert set(customer.answers) == {503}
    assert running.container() != before
    assert running.containers() == {running.env.edge_container, running.env.sockets_container}
    assert not (running.home / "edge-next").exists()
    assert running.run(edge_max_body="2m").changed == 0


def test_other_routes_go_live_and_nobody_is_cut_off(running: Scene) -> None:
    """First there are none, and then somebody who does not answer."""
    table = NginxRoutes(running.home / "routes")
    table.commit(table.prepare(Weights.all_to("blue")))
    assert running.post(10) == 404
    routes = edge_routes(running.env, {"blue": Definition({}, routes_settings(["web"], routes={"/": "web:80"})), "green": None})
    with Customer(running) as customer:
        assert running.run(edge_routes=routes).changed == 1
        assert running.post(10) == 502
    assert customer.failures == []
    assert set(customer.answers) == {404, 502}
    assert running.run(edge_routes=routes).changed == 0


def test_a_renewed_certificate_is_shown_to_the_next_client(running: Scene) -> None:
    make_certificates(running.home / "renewed", [])
    for name in ("ca.crt", "edge/tls.crt", "edge/tls.key"):
        (running.home / "tls" / name).write_bytes((running.home / "renewed" / name).read_bytes())
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        running.post(10)
    assert running.run().changed == 1
    assert running.post(10) == 503


def shown_to(scene: Scene, name: str) -> bytes:
    """The certificate that the edge shows to whoever asks for this name."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", scene.env.edge_port)) as plain,
        context.wrap_socket(plain, server_hostname=name or None) as wrapped,
    ):
        return wrapped.getpeercert(binary_form=True) or b""


def of_file(file: Path) -> bytes:
    return ssl.PEM_cert_to_DER_cert(file.read_text().partition("-----END")[0] + "-----END CERTIFICATE-----\n")


def test_customers_see_the_certificate_of_their_names_and_this_host_its_own(scene: Scene) -> None:
    own, other = scene.home / "tls/edge", scene.home / "other"
    for name in ("first", "second"):
        make_certificates(other / name, [])
    lay = OwnCertificate((other / "first/edge/tls.crt").read_text(), (other / "first/edge/tls.key").read_text(), ())
    lay.present(own, check=False)
    first = scene.run(edge_own_certificate=True)
    assert first.failed == 0, first.output
    for name in ("shop.example.com", ""):
        assert shown_to(scene, name) == of_file(other / "first/edge/tls.crt")
    assert shown_to(scene, "localhost") == of_file(own / "tls.crt")
    assert scene.post(10) == 503

    renewed = OwnCertificate((other / "second/edge/tls.crt").read_text(), (other / "second/edge/tls.key").read_text(), ())
    renewed.present(own, check=False)
    assert shown_to(scene, "shop.example.com") == of_file(other / "second/edge/tls.crt")
    assert scene.run(edge_own_certificate=True).changed == 0


def test_addresses_of_the_sixth_version_are_listened_on_where_the_host_has_them(scene: Scene) -> None:
    assert scene.run().failed == 0
    listens = [name for name in ("compose/edge-sockets.yml", "edge/nginx.conf") if "[::]:" in scene.files()[name]]
    assert len(listens) == (2 if host_has_ipv6() else 0)
    assert scene.run(edge_ipv6="auto").changed == 0
    assert scene.run(edge_ipv6="false").failed == 0
    assert not [name for name in ("compose/edge-sockets.yml", "edge/nginx.conf") if "[::]:" in scene.files()[name]]
    assert scene.post(10) == 503


def test_a_changed_page_goes_live_at_once(running: Scene) -> None:
    before = running.container()
    page = running.home / "edge" / "pages" / "nothing-live.json"
    wanted = page.read_text()
    page.write_text("out of date")
    assert running.run().changed == 1
    assert (page.read_text(), running.container()) == (wanted, before)


@pytest.mark.long
def test_a_run_that_was_killed_is_finished_by_the_next(running: Scene) -> None:
    """It is killed while the second nginx shares the work, and a change of mind is a change, too."""
    for then in ({"edge_max_body": "2m"}, {"edge_max_body": "2m"}, {}):
        before = running.container()
        with running.client() as idle:
            # An idle connection holds the run up, and the edge is leaving by then.
            assert idle.get("/edge/health").status_code == 200
            killed = running.start(edge_max_body="3m")
            eventually(lambda: running.succeeds(running.env.edge_container, "test", "-e", "/tmp/leaving"), "the edge leaves")
            kill_with_descendants(killed)
        assert running.env.edge_next_container in running.containers()
        with Customer(running) as customer:
            assert running.run(**then).changed == 1
        assert customer.failures == []
        assert running.container() != before
        assert running.containers() == {running.env.edge_container, running.env.sockets_container}
        assert running.post(1_500_000) == (503 if then else 413)
        assert running.run(**then).changed == 0


@pytest.mark.long
def test_a_second_nginx_that_was_left_behind_goes(running: Scene) -> None:
    shutil.copytree(running.home / "edge", running.home / "edge-next")
    docker("compose", "--file", f"{running.home}/compose/edge.yml", "up", "--detach", "edge-next")
    before = running.container()
    assert running.run("--check").changed == 1
    assert running.run().changed == 1
    assert running.containers() == {running.env.edge_container, running.env.sockets_container}
    assert running.container() == before


def test_the_edge_and_the_holder_of_its_sockets_may_die_and_nobody_is_refused(running: Scene) -> None:
    """By their process ids: `docker kill` would suppress the restart policy."""
    holder = running.env.sockets_container

    def holds() -> bool:
        return running.succeeds(holder, "edge-sockets", "check", "/sockets/holder")

    def answers_a_new_connection() -> None:
        # What waits in the queue while no nginx runs is answered by the next one.
        with running.client() as client:
            assert client.get("/edge/health").status_code == 200

    for _ in range(2):
        for victim in (running.env.edge_container, holder):
            pid = running.process(victim)
            os.kill(pid, signal.SIGKILL)
            # Its workers are gone when it is; what they had accepted dies with them.
            eventually(lambda pid=pid: not Path(f"/proc/{pid}").exists(), f"{victim} dies")
            answers_a_new_connection()
            eventually(lambda victim=victim, pid=pid: running.process(victim) not in (0, pid), f"{victim} comes back")
        eventually(holds, "the sockets are handed back")
    assert running.run().changed == 0


@pytest.mark.long
def test_an_edge_of_an_earlier_version_that_opened_its_sockets_itself_is_replaced(running: Scene) -> None:
    docker("rm", "--force", running.env.edge_container, running.env.sockets_container)
    # That one kept a log which everybody could read.
    log = running.home / "edge-log" / "access.log"
    for path, mode in ((log.parent, 0o755), (log, 0o644), (log.with_name("access.log.1"), 0o644)):
        path.touch(exist_ok=True)
        os.chown(path, 0, 0)
        path.chmod(mode)
    earlier = (running.home / "compose" / "edge.yml").read_text()
    command = ["sh", "-c", "ln -s /routes /tmp/table; exec nginx -e /dev/stderr -c /edge/nginx.conf -g 'daemon off;'"]
    earlier = earlier.replace("[edge-start]", json.dumps(command)).replace("[CHOWN,", "[CHOWN, NET_BIND_SERVICE,")
    earlier = re.sub("io.echobase.configuration: .*", "", earlier)
    (running.home / "earlier.yml").write_text(earlier)
    docker("compose", "--file", f"{running.home}/earlier.yml", "up", "--detach", "edge")
    eventually(lambda: running.succeeds(running.env.edge_container, "edge-health"), "the earlier edge starts")
    assert running.run().changed == 1
    assert running.post(10) == 503
    assert running.succeeds(running.env.sockets_container, "edge-sockets", "check", "/sockets/holder")
    assert [path.stat().st_mode & 0o777 for path in (log.parent, log, log.with_name("access.log.1"))] == [0o750, 0o640, 0o640]
    assert running.run().changed == 0


@pytest.mark.long
def test_an_edge_that_lost_its_keeper_and_the_holder_gets_sockets_again(running: Scene) -> None:
    processes = docker("top", running.env.edge_container, "-o", "pid,args").splitlines()
    keeper = next(int(line.split()[0]) for line in processes if "edge-sockets take" in line)
    docker("rm", "--force", running.env.sockets_container)
    os.kill(keeper, signal.SIGKILL)
    assert running.run().changed == 1
    assert running.post(10) == 503
    assert running.run().changed == 0


@pytest.mark.long
def test_an_edge_that_missed_a_decision_serves_nobody(running: Scene) -> None:
    undecided = running.home / "routes" / "undecided"
    undecided.write_text("{}")
    docker("restart", running.env.edge_container)
    with pytest.raises(httpx.TimeoutException), running.client() as client:
        client.get("/edge/health", timeout=1)
    refused = running.run(edge_max_body="2m", edge_ready_seconds=1)
    assert refused.failed == 1
    assert "serving nobody while /routes/undecided exists" in " ".join(refused.output.split())
    assert running.env.edge_next_container not in running.containers()
    undecided.unlink()
    assert running.post(10) == 503
    assert running.run(edge_max_body="2m").changed == 1


def test_a_taken_port_is_named_with_its_holder(scene: Scene) -> None:
    with socket.create_server(("127.0.0.1", scene.env.operators_port)):
        refused = scene.run()
    words = " ".join(refused.output.split())
    assert refused.failed == 1
    assert f"port {scene.env.operators_port}, which echobase-test-edge needs, is taken by process {os.getpid()} (" in words
    assert not (scene.home / "edge").exists()


@pytest.mark.long
def test_a_container_of_the_same_name_that_is_not_ours_is_left_alone(scene: Scene) -> None:
    for name in (scene.env.edge_container, scene.env.edge_next_container, scene.env.sockets_container):
        docker("create", f"--name={name}", image_tag("nginx"))
        try:
            refused = scene.run()
            assert refused.failed == 1
            assert f"container {name} exists and was not made by echobase" in " ".join(refused.output.split())
            assert docker("inspect", "--format", "{{.State.Status}}", name) == "created"
        finally:
            docker("rm", "--force", name)
