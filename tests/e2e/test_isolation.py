"""What a colour's containers can see and do: their own colour, as an ordinary user, and no secret in plain sight."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import docker
import pytest
from conftest import DeployedEnvironment
from docker.models.containers import Container

from ansible_collections.echobase.platform.plugins.module_utils.topology import SERVICES, Colour
from environment_under_test import TEST

pytestmark = pytest.mark.usefixtures("both_colours")


def containers_of(project: str) -> list[Container]:
    found = docker.from_env().containers.list(filters={"label": f"com.docker.compose.project={project}"})
    assert found, f"{project} has no containers"
    return list(found)


def addresses_of(containers: list[Container]) -> set[str]:
    return {network["IPAddress"] for container in containers for network in container.attrs["NetworkSettings"]["Networks"].values()}


def resolve(container: Container, name: str) -> set[str]:
    done = container.exec_run(["getent", "ahostsv4", name])
    return {line.split()[0] for line in done.output.decode().splitlines()} if done.exit_code == 0 else set()


@pytest.mark.parametrize("colour", TEST.colours.values(), ids=TEST.colours)
def test_no_name_of_a_stack_leads_to_the_other_colour(colour: Colour) -> None:
    mine = containers_of(colour.project)
    own = addresses_of(mine)
    for container in mine:
        for service in SERVICES:
            assert resolve(container, colour.host(service)) <= own, f"{container.name} finds another {colour.host(service)}"
            # Docker merges equal names of all stacks on a shared network: a bare one would be asked of both colours.
            assert resolve(container, service) == set(), f"{container.name} resolves the bare name {service}"


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
