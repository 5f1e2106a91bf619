from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Network

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import ENVIRONMENT_LABEL
from ansible_collections.echobase.platform.plugins.module_utils.containers.networks import (
    DockerNetwork,
    NetworkStep,
    ObservedNetworks,
    network_steps,
)
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Network
from ansible_collections.echobase.platform.plugins.module_utils.host.routes import Route

WANTED = Network("echobase-test-edge-network", "10.231.17.0/24")


def docker_network(subnet: str, name: str = WANTED.name, owner: str | None = "test", containers: tuple[str, ...] = ()) -> DockerNetwork:
    labels = {ENVIRONMENT_LABEL: owner} if owner else {}
    return DockerNetwork(name, id=f"{len(name):064x}", subnets=(subnet,), labels=labels, containers=containers)


def decide(*networks: DockerNetwork, routes: tuple[Route, ...] = (), state: str = "present") -> NetworkStep:
    return network_steps("test", [WANTED], state, ObservedNetworks(networks, routes))[WANTED.name]


def test_a_missing_network_is_made() -> None:
    assert decide() is NetworkStep.CREATE


def test_its_own_bridge_is_no_conflict() -> None:
    ours = docker_network(WANTED.subnet)
    assert decide(ours, routes=(Route(IPv4Network(WANTED.subnet), ours.bridge),)) is NetworkStep.KEEP


@pytest.mark.parametrize("other", ["10.231.17.0/24", "10.0.0.0/8", "10.231.17.64/26"])
def test_an_overlapping_route_is_named(other: str) -> None:
    with pytest.raises(Refusal, match=f"overlaps with this host's route to {other} by tun0.*echobase_network_prefix"):
        decide(routes=(Route(IPv4Network(other), "tun0"),))


def test_an_overlapping_docker_network_is_named_and_not_its_bridge() -> None:
    other = docker_network("10.231.0.0/16", "somebody_default", owner=None)
    with pytest.raises(Refusal, match="of the Docker network somebody_default"):
        decide(other, routes=(Route(IPv4Network("10.231.0.0/16"), other.bridge),))


def test_neighbours_do_not_disturb() -> None:
    neighbour = docker_network("10.231.16.0/24", "echobase-test-durable-network")
    assert decide(neighbour, routes=(Route(IPv4Network("10.231.18.0/24"), "eth1"),)) is NetworkStep.CREATE


@pytest.mark.parametrize("state", ["present", "absent"])
@pytest.mark.parametrize(("owner", "whose"), [(None, "was not made by echobase"), ("devlocal", "belongs to environment devlocal")])
def test_a_foreign_network_is_left_alone(owner: str | None, whose: str, state: str) -> None:
    with pytest.raises(Refusal, match=whose):
        decide(docker_network(WANTED.subnet, owner=owner), state=state)


def test_another_prefix_recreates_an_empty_network() -> None:
    assert decide(docker_network("10.99.17.0/24")) is NetworkStep.RECREATE


def test_another_prefix_is_refused_while_something_is_attached() -> None:
    with pytest.raises(Refusal, match="attached to it are a, b"):
        decide(docker_network("10.99.17.0/24", containers=("a", "b")))


def test_an_open_network_of_an_earlier_version_is_closed_once_nobody_would_be_cut_off() -> None:
    wanted = replace(WANTED, is_closed=True)

    def step(existing: DockerNetwork) -> NetworkStep:
        return network_steps("test", [wanted], "present", ObservedNetworks((existing,), ()))[wanted.name]

    assert step(docker_network(WANTED.subnet)) is NetworkStep.RECREATE
    assert step(docker_network(WANTED.subnet, containers=("a",))) is NetworkStep.KEEP
    options = {"com.docker.network.bridge.enable_icc": "false", "com.docker.network.bridge.enable_ip_masquerade": "false"}
    assert step(replace(docker_network(WANTED.subnet), options=options)) is NetworkStep.KEEP


def test_absent() -> None:
    assert decide(state="absent") is NetworkStep.KEEP
    assert decide(docker_network(WANTED.subnet), state="absent") is NetworkStep.REMOVE
    # As when a setup is at work meanwhile: to run the teardown, which is what runs, would be no remedy.
    with pytest.raises(
        Refusal, match="attached to it are a - where they are this environment's own, another run is starting them: let it end"
    ):
        decide(docker_network(WANTED.subnet, containers=("a",)), state="absent")
