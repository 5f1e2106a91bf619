from __future__ import annotations

import ipaddress
import itertools

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.environment.database_places import ENGINES
from ansible_collections.echobase.platform.plugins.module_utils.environment.ports_and_subnets import (
    KNOWN_ENVIRONMENTS,
    LARGEST_INDEX,
    SMALLEST_FREE_INDEX,
    Placement,
)
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import (
    MOST_ROUTED,
    as_facts,
    environment,
)

ALL = [environment(name) for name in KNOWN_ENVIRONMENTS]
ALL += [environment(f"made-{index}", placement=Placement(index)) for index in range(SMALLEST_FREE_INDEX, LARGEST_INDEX + 1)]


def test_no_two_bindings_on_one_host_collide() -> None:
    bindings: dict[int, str] = {}
    for env in ALL:
        for what, port in env.ports.items():
            assert port not in bindings, f"{env.name}'s {what} and {bindings[port]} both want port {port}"
            bindings[port] = f"{env.name}'s {what}"


def test_no_two_networks_overlap() -> None:
    networks = [ipaddress.ip_network(network.subnet) for env in ALL for network in env.networks]
    for one, other in itertools.combinations(networks, 2):
        assert not one.overlaps(other)


def test_no_two_containers_projects_or_networks_share_a_name() -> None:
    names: list[str] = []
    for env in ALL:
        names += [server.container for engine in ENGINES for server in (env.server(engine), env.replica(engine))]
        names += [env.edge_container, env.durable_project, env.cache.container]
        for colour in env.colours.values():
            names += [colour.container("web"), colour.project]
        names += [network.name for network in env.networks]
    assert len(names) == len(set(names))


def test_fixed_addresses_lie_in_the_edge_network_and_differ() -> None:
    for env in ALL:
        addresses = [address for colour in env.colours.values() for address in colour.edge_addresses]
        assert len(set(addresses)) == 2 * MOST_ROUTED
        assert all(ipaddress.ip_address(a) in ipaddress.ip_network(env.edge_network.subnet) for a in addresses)
        durable = [server.address for engine in ENGINES for server in (env.server(engine), env.replica(engine))]
        durable += [env.cache.address, env.collector_address]
        assert len(set(durable)) == 6
        assert all(ipaddress.ip_address(a) in ipaddress.ip_network(env.durable_network.subnet) for a in durable)


def test_the_way_out_of_a_colours_containers_is_the_network_without_one() -> None:
    """The engine takes the first by name of those that are not internal; a colour's own network is internal."""
    for env in ALL:
        for colour in env.colours.values():
            assert colour.cloud_network.name < min(env.durable_network.name, env.edge_network.name)


def test_who_speaks_for_customers_has_an_address_that_nobody_else_can_have() -> None:
    for env in ALL:
        assert ipaddress.ip_address(env.edge_address) == ipaddress.ip_network(env.edge_network.subnet)[1]
        for colour in env.colours.values():
            inside = ipaddress.ip_network(colour.network.subnet)
            assert all(ipaddress.ip_address(address) in inside for address in colour.inside_addresses)


def test_unknown_names_are_refused_with_the_known_ones() -> None:
    with pytest.raises(Refusal, match="unknown environment 'prod' - choose one of devlocal, ci, test, or add"):
        environment("prod")
    with pytest.raises(Refusal, match="unknown colour 'red' - choose one of blue, green"):
        environment("test").colour("red")


def test_facts_are_plain_data_with_derived_names() -> None:
    facts = as_facts(environment("devlocal", "/srv/state", "10.99"))
    assert facts["home"] == "/srv/state/devlocal"
    assert facts["databases"]["mariadb"]["volume"] == "echobase-devlocal-durable-mariadb-data"
    assert facts["databases"]["postgresql"]["container"] == "echobase-devlocal-durable-postgres"
    assert facts["edge_network"]["subnet"] == "10.99.1.0/24"
    assert facts["colours"]["green"]["edge_addresses"][0] == "10.99.1.30"
