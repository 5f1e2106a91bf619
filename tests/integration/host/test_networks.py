"""Module networks on the real engine, in environment test on subnets of its own."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import docker
import pytest
from docker import DockerClient
from docker.types import IPAMConfig, IPAMPool

from ansible_collections.echobase.platform.plugins.module_utils.containers.client import ENVIRONMENT_LABEL
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import environment
from harness.module_runner import RunningModule, run_module

PREFIX = "10.241"
HOME = tempfile.mkdtemp(prefix="echobase-networks-")
ENV = environment("test", HOME, PREFIX)
WANTED = {network.name: network.subnet for network in (ENV.durable_network, ENV.edge_network, ENV.observability_network)}
NAMES = tuple(WANTED)


def ensure(state: str = "present", check: bool = False, prefix: str = PREFIX) -> dict[str, Any]:
    return run_module("networks", {"environment": "test", "home": HOME, "network_prefix": prefix, "state": state}, check=check)


@pytest.fixture
def engine() -> Iterator[DockerClient]:
    client = docker.DockerClient.from_env()
    yield client
    client.close()


@pytest.fixture(scope="module", autouse=True)
def no_home() -> Iterator[None]:
    yield
    shutil.rmtree(HOME)


@pytest.fixture(autouse=True)
def no_networks(engine: DockerClient) -> Iterator[None]:
    answer = ensure("absent")
    assert "failed" not in answer, answer["msg"]
    yield
    answer = ensure("absent")
    assert "failed" not in answer, answer["msg"]


@contextmanager
def network(engine: DockerClient, name: str, subnet: str) -> Iterator[str]:
    made = engine.api.create_network(name, ipam=IPAMConfig(pool_configs=[IPAMPool(subnet=subnet)]))
    try:
        yield made["Id"]
    finally:
        engine.api.remove_network(made["Id"])


def subnets(engine: DockerClient) -> dict[str, str]:
    return {found["Name"]: found["IPAM"]["Config"][0]["Subnet"] for found in engine.api.networks(list(NAMES))}


def test_present_and_absent_twice_with_check_and_diff(engine: DockerClient) -> None:
    as_diff = {name: [subnet] for name, subnet in WANTED.items()}

    predicted = ensure(check=True)
    assert (predicted["changed"], predicted["diff"], subnets(engine)) == (True, {"before": {}, "after": as_diff}, {})
    made = ensure()
    assert (made["changed"], made["diff"], made["steps"]) == (True, predicted["diff"], predicted["steps"])
    assert subnets(engine) == WANTED
    again = ensure()
    assert (again["changed"], again["diff"]) == (False, {"before": as_diff, "after": as_diff})
    assert ensure(check=True)["changed"] is False

    predicted = ensure("absent", check=True)
    assert (predicted["changed"], subnets(engine)) == (True, WANTED)
    assert ensure("absent")["diff"] == predicted["diff"] == {"before": as_diff, "after": {}}
    assert subnets(engine) == {}
    assert ensure("absent")["changed"] is False


def test_two_at_once_make_each_network_once(engine: DockerClient) -> None:
    running = [RunningModule("networks", {"environment": "test", "home": HOME, "network_prefix": PREFIX}) for _ in range(2)]
    answers = [module.answer() for module in running]
    assert sorted(answer["changed"] for answer in answers) == [False, True]
    assert sorted(found["Name"] for found in engine.api.networks(list(NAMES))) == sorted(NAMES)


@pytest.mark.parametrize("check", [True, False])
def test_a_subnet_that_something_else_has_is_refused_and_nothing_made(engine: DockerClient, check: bool) -> None:
    with network(engine, "zz-durabledb-other", f"{PREFIX}.17.128/25"):
        answer = ensure(check=check)
    assert answer["failed"]
    assert "overlaps with 10.241.17.128/25 of the Docker network zz-durabledb-other" in answer["msg"]
    assert "echobase_network_prefix" in answer["remedy"]
    assert subnets(engine) == {}


@pytest.mark.parametrize("state", ["present", "absent"])
def test_a_foreign_network_of_the_same_name_is_left_alone(engine: DockerClient, state: str) -> None:
    with network(engine, ENV.edge_network.name, "10.242.1.0/24") as foreign:
        answer = ensure(state)
        assert answer["failed"]
        assert "was not made by echobase: left alone" in answer["msg"]
        assert [found["Id"] for found in engine.api.networks(list(NAMES))] == [foreign]


def test_a_stopped_container_keeps_its_network(engine: DockerClient) -> None:
    ensure()
    image = engine.api.images()[0]["Id"]
    container = engine.api.create_container(
        image, name="zz-durabledb-stopped", command="true", host_config=engine.api.create_host_config(network_mode=NAMES[0])
    )
    try:
        for answer in (ensure("absent"), ensure(prefix="10.242")):
            assert "attached to it are zz-durabledb-stopped" in answer["msg"]
        assert set(subnets(engine)) == set(NAMES)
    finally:
        engine.api.remove_container(container["Id"])
    assert ensure(prefix="10.242")["steps"] == dict.fromkeys(NAMES, "recreate")


def test_fixed_addresses_are_never_given_to_others(engine: DockerClient) -> None:
    ensure()
    for name in NAMES:
        config = engine.api.inspect_network(name)["IPAM"]["Config"][0]
        subnet = IPv4Network(config["Subnet"])
        given_away = IPv4Network(config["IPRange"])
        assert subnet.supernet_of(given_away)
        fixed = [
            ENV.server("mariadb").address,
            *(ip for colour in ENV.colours.values() for ip in colour.edge_addresses),
        ]
        assert not any(IPv4Address(address) in given_away for address in [*fixed, config["Gateway"]])


def test_an_open_network_of_an_earlier_version_is_closed_once_nothing_is_attached(engine: DockerClient) -> None:
    pool = IPAMPool(subnet=ENV.edge_network.subnet)
    labels = {ENVIRONMENT_LABEL: ENV.name}
    old = engine.api.create_network(ENV.edge_network.name, ipam=IPAMConfig(pool_configs=[pool]), labels=labels)["Id"]
    image = engine.api.images()[0]["Id"]
    host = engine.api.create_host_config(network_mode=ENV.edge_network.name)
    container = engine.api.create_container(image, name="zz-durabledb-attached", command="true", host_config=host)
    try:
        kept = ensure()
        assert kept["steps"][ENV.edge_network.name] == "keep"
        assert "containers on it reach each other" in kept["warnings"][0]
        assert engine.api.inspect_network(ENV.edge_network.name)["Id"] == old
    finally:
        engine.api.remove_container(container["Id"])
    assert ensure()["steps"][ENV.edge_network.name] == "recreate"
    assert engine.api.inspect_network(ENV.edge_network.name)["Options"]["com.docker.network.bridge.enable_icc"] == "false"
    assert ensure()["changed"] is False


def test_an_engine_that_does_not_answer_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
        answer = ensure()
    assert answer["msg"].startswith("the Docker engine does not answer (No such file or directory) - ")
