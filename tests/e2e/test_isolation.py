"""What a colour's containers can see and do: their own colour, as an ordinary user, and no secret in plain sight."""

from __future__ import annotations

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import docker
import pytest
from conftest import DeployedEnvironment
from docker.models.containers import Container

from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Colour
from harness.cloud_callers import ask_as_nobody, cloud_client, secret_key_in
from harness.environment_under_test import TEST
from harness.order_system import SERVICES, frontend_address, gateway_address
from harness.order_system import port as port_of

pytestmark = pytest.mark.usefixtures("both_colours")


def containers_of(project: str) -> list[Container]:
    found = docker.from_env().containers.list(filters={"label": f"com.docker.compose.project={project}"})
    assert found, f"{project} has no containers"
    return list(found)


def addresses_of(containers: list[Container]) -> set[str]:
    return {network["IPAddress"] for container in containers for network in container.attrs["NetworkSettings"]["Networks"].values()}


def resolve(container: Container, name: str) -> set[str]:
    # Nobody outside answers its name server, so that it waits for what Docker does not know: here not longer than needed.
    done = container.exec_run(["getent", "ahostsv4", name], environment={"RES_OPTIONS": "timeout:1 attempts:1"})
    return {line.split()[0] for line in done.output.decode().splitlines()} if done.exit_code == 0 else set()


@pytest.mark.parametrize("colour", TEST.colours.values(), ids=TEST.colours)
def test_no_name_of_a_stack_leads_to_the_other_colour(colour: Colour) -> None:
    mine = containers_of(colour.project)
    own = addresses_of(mine)
    # Docker merges equal names of all stacks on a shared network, so bare ones are known on the colour's own networks alone.
    asked = [(container, name) for container in mine for service in SERVICES for name in (service, colour.host(service))]
    with ThreadPoolExecutor(len(mine)) as pool:
        found = list(pool.map(lambda one: resolve(*one), asked))
    for (container, name), addresses in zip(asked, found, strict=True):
        assert addresses <= own, f"{container.name} finds {addresses} as {name}"


def test_containers_of_the_application_run_with_as_little_as_they_need() -> None:
    for colour in TEST.colours.values():
        for container in containers_of(colour.project):
            host, config = container.attrs["HostConfig"], container.attrs["Config"]
            assert config["User"] not in ("", "0", "root", "0:0"), container.name
            assert host["ReadonlyRootfs"], container.name
            assert host["CapDrop"] == ["ALL"], container.name
            assert not host["CapAdd"], container.name
            assert not any("docker.sock" in mount["Source"] for mount in container.attrs["Mounts"]), container.name


def test_only_the_edge_listens_publicly() -> None:
    for colour in TEST.colours.values():
        for container in containers_of(colour.project):
            for bindings in container.attrs["NetworkSettings"]["Ports"].values():
                assert {binding["HostIp"] for binding in bindings or []} <= {"127.0.0.1"}, container.name


def test_no_secret_is_visible_to_inspection_or_in_any_output(deployed_environment: DeployedEnvironment) -> None:
    values = [value for value in json.loads(Path(TEST.path("secrets.json")).read_text()).values() if isinstance(value, str)]
    assert len(values) >= 5
    projects = [TEST.durable_project, *(colour.project for colour in TEST.colours.values())]
    inspected = json.dumps([container.attrs for project in projects for container in containers_of(project)])
    logged = b"".join(container.logs() for project in projects for container in containers_of(project)).decode(errors="replace")
    output = deployed_environment.run("setup", "-vvv", "--diff").output
    processes = subprocess.check_output(["ps", "axww", "-o", "args"], text=True)
    for place, text in {"docker inspect": inspected, "the logs": logged, "the output with -vvv": output, "ps": processes}.items():
        assert not any(value in text for value in values), f"a secret shows in {place}"


@pytest.mark.parametrize("colour", TEST.colours.values(), ids=TEST.colours)
def test_an_account_of_the_host_learns_nothing_from_the_cloud(colour: Colour) -> None:
    """Published on loopback, as the interface promises, and worth nothing without the environment's credentials."""
    for port in (port_of(colour, "emulator"), port_of(colour, "emulator_second")):
        for secret in ("jwt", "database"):
            status, text = ask_as_nobody(f"http://127.0.0.1:{port}/", f"echobase/test/{secret}")
            assert (status, "SecretString" in text) == (403, False)
    secret_key = secret_key_in(Path(TEST.path("secrets", "app", "cloud_credentials")).read_text())
    cloud = cloud_client("secretsmanager", f"http://127.0.0.1:{port_of(colour, 'emulator_second')}", TEST.cloud_access_key, secret_key)
    assert "password" in json.loads(cloud.get_secret_value(SecretId="echobase/test/database")["SecretString"])


def test_no_container_can_take_the_machines_memory_or_processes() -> None:
    found = docker.from_env().containers.list(filters={"label": "io.echobase.environment=test"})
    assert len(found) >= 2 * len(SERVICES) + 4
    for container in found:
        host = container.attrs["HostConfig"]
        assert host["Memory"] > 0, f"{container.name} has no limit of memory"
        assert (host["PidsLimit"] or 0) > 0, f"{container.name} has no limit of processes"
        for place, options in (host.get("Tmpfs") or {}).items():
            assert "size=" in options, f"{place} of {container.name} has no size"


_CONNECT = """
import socket, sys
from concurrent.futures import ThreadPoolExecutor

def is_reached(target):
    host, port = target.rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), 2).close()
    except OSError:
        return False
    return True

with ThreadPoolExecutor(len(sys.argv)) as pool:
    answers = pool.map(is_reached, sys.argv[1:])
    print(*(target for target, yes in zip(sys.argv[1:], answers) if yes))
"""


def reached(container: str, *targets: str) -> list[str]:
    """Those that a program in the container gets a connection to."""
    done = docker.from_env().containers.get(container).exec_run(["python", "-c", _CONNECT, *targets])
    assert done.exit_code == 0, done.output.decode()
    return list(done.output.decode().split())


def address_in(container: str, network: str) -> str:
    return str(docker.from_env().containers.get(container).attrs["NetworkSettings"]["Networks"][network]["IPAddress"])


def test_a_colour_reaches_neither_the_other_one_nor_the_desk_nor_the_outside() -> None:
    blue, green = TEST.colour("blue"), TEST.colour("green")
    gateway = blue.container("api-gateway")
    database = f"{TEST.server('mariadb').address}:3306"
    cloud = f"{blue.host('localstack')}:4566"
    forbidden = [
        f"{gateway_address(green)}:8443",
        f"{frontend_address(green)}:8443",
        f"{address_in(green.container('localstack'), green.cloud_network.name)}:4566",
        f"{TEST.desk_address}:8443",
        "169.254.169.254:80",
    ]
    assert reached(gateway, database, cloud, *forbidden) == [database, cloud]
    processor = blue.container("order-processor")
    assert reached(processor, database, cloud, *forbidden) == [database, cloud]


def test_the_front_end_does_not_know_the_cloud() -> None:
    for colour in TEST.colours.values():
        frontend = docker.from_env().containers.get(colour.container("frontend"))
        networks = frontend.attrs["NetworkSettings"]["Networks"]
        assert set(networks) == {colour.network.name, TEST.edge_network.name}
        assert resolve(frontend, colour.host("localstack")) == set()
        assert docker.from_env().networks.get(colour.network.name).attrs["Internal"]
