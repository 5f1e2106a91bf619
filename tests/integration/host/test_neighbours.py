"""Two environments on one host that come from inventories alone: what one has, the other cannot get. Their subnets are their own."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import docker
import pytest

from ansible_collections.echobase.platform.plugins.module_utils.application.colour_project import ColourPlace
from ansible_collections.echobase.platform.plugins.module_utils.application.definition import Definition
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.colours.deployment import ColourDeployment
from ansible_collections.echobase.platform.plugins.module_utils.environment.ports_and_subnets import Placement
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import environment
from harness.module_runner import run_module

PREFIX = "10.247"
ONE, OTHER = "test-a", "test-b"
OUTRIGHT = {
    "mariadb": 37306,
    "postgres": 37432,
    "redis": 37379,
    "edge": 36443,
    "operators": 36543,
    "blue_offset": 34000,
    "green_offset": 34100,
}


class Host:
    def __init__(self, home: Path) -> None:
        self.home = home

    def networks(self, name: str, check: bool = False, **arguments: Any) -> dict[str, Any]:
        return run_module("networks", {"environment": name, "home": str(self.home), "network_prefix": PREFIX} | arguments, check=check)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    it = Host(tmp_path)
    yield it
    for name in (ONE, OTHER):
        answer = it.networks(name, index=9, state="absent")
        assert "failed" not in answer, answer["msg"]


def names_of_networks() -> list[str]:
    with ExitStack() as stack:
        client = docker.DockerClient.from_env()
        stack.callback(client.close)
        return sorted(
            found["Name"] for found in client.api.networks() if found["Name"].startswith((f"echobase-{ONE}-", f"echobase-{OTHER}-"))
        )


def test_an_environment_of_an_inventory_has_networks_by_its_index(host: Host) -> None:
    predicted = host.networks(ONE, check=True, index=8)
    assert (predicted["changed"], names_of_networks(), list(host.home.iterdir())) == (True, [], [])
    made = host.networks(ONE, index=8)
    assert made["networks"] == [
        {"name": "echobase-test-a-durable-network", "subnet": "10.247.64.0/24"},
        {"name": "echobase-test-a-edge-network", "subnet": "10.247.65.0/24"},
        {"name": "echobase-test-a-observability-network", "subnet": "10.247.70.0/24"},
    ]
    assert host.networks(ONE, index=8)["changed"] is False
    assert host.networks(OTHER, index=9)["changed"] is True


@pytest.mark.parametrize("check", [True, False])
def test_the_same_index_twice_is_refused_by_name_and_nothing_made(host: Host, check: bool) -> None:
    host.networks(ONE, index=9)
    refused = host.networks(OTHER, check=check, index=9)
    assert refused["failed"]
    assert refused["msg"] == (
        "environments test-b and test-a both have index 9 (port 3315, subnet 10.247.72.0/24) - give one of them another echobase_index"
    )
    assert names_of_networks() == [f"echobase-test-a-{what}-network" for what in ("durable", "edge", "observability")]
    assert not (host.home / OTHER).exists()


def test_what_is_given_outright_is_refused_where_a_neighbour_has_it(host: Host) -> None:
    assert host.networks(ONE, ports=OUTRIGHT, subnets="10.247.80.0/21")["changed"]

    same_port = host.networks(OTHER, index=9, ports={"redis": 36443})
    assert (
        same_port["msg"]
        == "environments test-b and test-a both have port 36443 (redis and edge) - give one of them another in echobase_ports"
    )
    same_block = host.networks(OTHER, index=9, subnets="10.247.80.0/21")
    assert "environments test-b and test-a both have subnet 10.247.80.0/24 - " in same_block["msg"]
    assert host.networks(OTHER, index=9)["changed"]


def test_an_environment_that_was_taken_down_stands_in_nobodys_way(host: Host) -> None:
    host.networks(ONE, index=9)
    host.networks(ONE, index=9, state="absent")
    assert host.networks(OTHER, index=9)["changed"]
    back = host.networks(ONE, index=9)
    assert "environments test-a and test-b both have index 9" in back["msg"]


def test_a_port_of_a_colour_that_something_else_has_is_refused_before_anything_is_made(host: Host) -> None:
    env = environment(ONE, str(host.home), placement=Placement(9))
    published = [{"mode": "ingress", "target": 8000, "published": "3001", "protocol": "tcp"}]
    answer = {"name": "zz", "services": {"api": {"image": "zz", "ports": published}}, "x-echobase": {"routes": {"/": "api:8000"}}}
    with ExitStack() as stack:
        client = docker.DockerClient.from_env()
        stack.callback(client.close)
        deployment = ColourDeployment(client, Definition.of(answer), ColourPlace(env, env.colour("blue"), "1", "1", {"api": "zz"}))
        port = env.colour("blue").offset + 3001
        stack.enter_context(socket.create_server(("127.0.0.1", port)))
        with pytest.raises(Refusal, match=rf"^port {port}, which api of blue needs, is taken by process {os.getpid()} \(") as refusal:
            deployment.ensure(seconds=1, check=False)
    assert "stop that, publish another one in the Compose file, or give another blue_offset in echobase_ports" in refusal.value.remedy
    assert list(host.home.iterdir()) == []


def test_a_record_that_cannot_be_read_is_named(host: Host) -> None:
    host.networks(ONE, index=9)
    record = host.home / ONE / "environment.json"
    record.write_text("{")
    refused = host.networks(OTHER, index=8)
    assert f"{record} cannot be read, so nobody knows which ports that environment has - " in refused["msg"]
    record.unlink()
    assert host.networks(ONE, index=9)["changed"]
