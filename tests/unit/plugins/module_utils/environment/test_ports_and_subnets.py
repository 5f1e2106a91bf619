from __future__ import annotations

import re
from typing import Any

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.environment import ports_and_subnets
from ansible_collections.echobase.platform.plugins.module_utils.environment.ports_and_subnets import (
    KNOWN_ENVIRONMENTS,
    LARGEST_INDEX,
    SMALLEST_FREE_INDEX,
    Placement,
)
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment, environment

OUTRIGHT = {
    "mariadb": 13306,
    "postgres": 15432,
    "redis": 16379,
    "edge": 8443,
    "operators": 9443,
    "blue_offset": 20000,
    "green_offset": 20100,
}


def made(name: str = "staging", index: int | None = None, ports: dict[str, Any] | None = None, subnets: str = "") -> Environment:
    return environment(name, placement=Placement(index, ports, subnets))


def row(env: Environment) -> list[object]:
    """All that is published about an environment, in the order of the tables below."""
    durable = [env.durable_project, *env.ports.values(), env.durable_network.name, env.durable_network.subnet]
    durable += [env.edge_container, env.edge_network.name, env.edge_network.subnet, env.client_cookie, env.cloud_access_key]
    for colour in env.colours.values():
        durable += [colour.project, colour.container("frontend"), colour.network.name, colour.network.subnet]
        durable += [colour.cloud_network.name, colour.cloud_network.subnet, colour.offset]
    return durable


# fmt: off
GOLDEN: dict[str, list[object]] = {
    "devlocal": [
        "echobase-durable", 3306, 5432, 3406, 5532, 6379, 443, 1443, "echobase-devlocal-durable-network", "10.231.0.0/24",
        "echobase-devlocal-edge", "echobase-devlocal-edge-network", "10.231.1.0/24", "echobase_devlocal_client", "ECHOBASEDEVLOCAL",
        "echobase", "echobase-devlocal-frontend", "echobase-network", "10.231.2.0/24",
        "echobase-aws-devlocal-blue-network", "10.231.4.0/24", 0,
        "echobase-devlocal-green", "echobase-devlocal-green-frontend", "echobase-devlocal-green-network", "10.231.3.0/24",
        "echobase-aws-devlocal-green-network", "10.231.5.0/24", 200,
    ],
    "ci": [
        "echobase-ci-durable", 3307, 5433, 3407, 5533, 6380, 543, 1543, "echobase-ci-durable-network", "10.231.8.0/24",
        "echobase-ci-edge", "echobase-ci-edge-network", "10.231.9.0/24", "echobase_ci_client", "ECHOBASECI",
        "echobase-ci-blue", "echobase-ci-blue-frontend", "echobase-ci-blue-network", "10.231.10.0/24",
        "echobase-aws-ci-blue-network", "10.231.12.0/24", 300,
        "echobase-green", "echobase-green-frontend", "echobase-green-network", "10.231.11.0/24",
        "echobase-aws-ci-green-network", "10.231.13.0/24", 100,
    ],
    "test": [
        "echobase-test-durable", 3308, 5434, 3408, 5534, 6381, 643, 1643, "echobase-test-durable-network", "10.231.16.0/24",
        "echobase-test-edge", "echobase-test-edge-network", "10.231.17.0/24", "echobase_test_client", "ECHOBASETEST",
        "echobase-test-blue", "echobase-test-blue-frontend", "echobase-test-blue-network", "10.231.18.0/24",
        "echobase-aws-test-blue-network", "10.231.20.0/24", 400,
        "echobase-test-green", "echobase-test-green-frontend", "echobase-test-green-network", "10.231.19.0/24",
        "echobase-aws-test-green-network", "10.231.21.0/24", 500,
    ],
}
BY_RULE: list[object] = [
    "echobase-staging-durable", 3309, 5435, 3409, 5535, 6382, 743, 1743, "echobase-staging-durable-network", "10.231.24.0/24",
    "echobase-staging-edge", "echobase-staging-edge-network", "10.231.25.0/24", "echobase_staging_client", "ECHOBASESTAGING",
    "echobase-staging-blue", "echobase-staging-blue-frontend", "echobase-staging-blue-network", "10.231.26.0/24",
    "echobase-staging-aws-blue-network", "10.231.28.0/24", 600,
    "echobase-staging-green", "echobase-staging-green-frontend", "echobase-staging-green-network", "10.231.27.0/24",
    "echobase-staging-aws-green-network", "10.231.29.0/24", 700,
]
# fmt: on


@pytest.mark.parametrize("name", KNOWN_ENVIRONMENTS)
def test_the_known_rows_are_as_they_were_published(name: str) -> None:
    assert row(environment(name)) == GOLDEN[name]
    assert row(made(name, KNOWN_ENVIRONMENTS.index(name))) == GOLDEN[name]


def test_the_rule_for_staging() -> None:
    assert row(made(index=3)) == BY_RULE


def test_the_largest_index_is_the_last_before_two_environments_collide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports_and_subnets, "LARGEST_INDEX", 31)
    ports = {port for name in KNOWN_ENVIRONMENTS for port in environment(name).ports.values()}
    for index in range(SMALLEST_FREE_INDEX, 32):
        try:
            own = set(made(f"made-{index}", index).ports.values())
        except Refusal:
            # Two of its own ports are the same.
            break
        if ports & own:
            break
        ports |= own
    else:
        index = 32
    assert index - 1 == LARGEST_INDEX


@pytest.mark.parametrize("name", ["a", "alpha", "acme-2", "x" * 20])
def test_the_way_out_of_a_colours_containers_is_the_network_without_one(name: str) -> None:
    """The engine takes the first by name of those that are not internal, whatever the environment's name begins with."""
    env = made(name, 3)
    for colour in env.colours.values():
        assert colour.cloud_network.name < min(env.durable_network.name, env.edge_network.name)


def test_a_hyphen_goes_into_no_variable_of_nginx_and_no_access_key() -> None:
    env = made("qa-2", 4)
    cookies = (env.client_cookie, env.preview_cookie, env.operator_cookie)
    assert cookies == ("echobase_qa_2_client", "echobase_qa_2_preview", "echobase_qa_2_operator")
    assert env.cloud_access_key == "ECHOBASEQA2"


def test_names_that_the_platform_makes_fit_into_a_label_of_dns() -> None:
    env = made("x" * 20, 3)
    assert len(f"echobase-{env.name}-rehearsal-order-processor-abcdef") <= 63
    assert len(env.replica("postgresql").container) <= 63


@pytest.mark.parametrize("name", ["", "Staging", "3rd", "a_b", "-a", "a-", "a--b", "a.b", "a b", "x" * 21, "stäging"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(Refusal, match="is no name for an environment - set echobase_env to at most 20 lower-case letters"):
        made(name, 3)


@pytest.mark.parametrize("name", ["green", "my-blue", "aws-eu", "edge", "a-durable", "echobase"])
def test_names_with_a_word_of_the_platform_are_refused(name: str) -> None:
    with pytest.raises(Refusal, match="stands in names of the platform's own - set echobase_env to a name without aws, blue"):
        made(name, 3)


def test_an_unknown_name_without_an_index_is_told_what_to_add() -> None:
    with pytest.raises(Refusal) as refused:
        made()
    assert str(refused.value) == (
        "unknown environment 'staging' - choose one of devlocal, ci, test, or add a line such as 'echobase_index: 3' to its inventory"
        " (3 to 9, each once on a host)"
    )


@pytest.mark.parametrize(
    ("name", "index", "words"),
    [
        ("ci", 3, "environment ci has index 1, and echobase_index says 3 - leave echobase_index out"),
        ("staging", 0, "index 0 of environment staging is that of devlocal - set echobase_index to one of 3 to 9"),
        ("staging", 2, "index 2 of environment staging is that of test - "),
        ("staging", 10, "echobase_index 10 of environment staging has no ports of its own - "),
        ("staging", -1, "echobase_index -1 of environment staging has no ports of its own - "),
    ],
)
def test_an_index_of_another_environment_is_refused(name: str, index: int, words: str) -> None:
    with pytest.raises(Refusal, match=re.escape(words)):
        made(name, index)


def test_ports_and_subnets_given_outright_need_no_index() -> None:
    env = made(ports=OUTRIGHT, subnets="10.240.8.0/21")
    assert (env.index, env.subnets) == (None, "10.240.8.0/21")
    assert env.ports == {
        "mariadb": 13306,
        "postgres": 15432,
        "mariadb_replica": 13406,
        "postgres_replica": 15532,
        "redis": 16379,
        "edge": 8443,
        "operators": 9443,
    }
    assert env.colour("green").offset == 20100
    assert [network.subnet for network in env.networks][:2] == ["10.240.8.0/24", "10.240.9.0/24"]
    assert env.server("mariadb").address == "10.240.8.10"


@pytest.mark.parametrize("name", ["devlocal", "staging"])
def test_a_single_port_is_given_beside_an_index(name: str) -> None:
    env = made(name, None if name == "devlocal" else 3, {"edge": "8443", "mariadb_replica": 3999})
    by_rule = made(name, None if name == "devlocal" else 3)
    assert env.ports == by_rule.ports | {"edge": 8443, "mariadb_replica": 3999}
    assert env.colours == by_rule.colours


@pytest.mark.parametrize(
    ("ports", "subnets", "words"),
    [
        (
            {"edge": 8443},
            "",
            "environment staging has no index, and its inventory leaves out echobase_ports.mariadb, ",
        ),
        (OUTRIGHT, "", "its inventory leaves out echobase_subnets - add them, or echobase_index (3 to 9)"),
        ({"https": 8443}, "10.240.8.0/21", "echobase_ports has no port 'https' - choose from mariadb, postgres,"),
        ({"edge": "high"}, "10.240.8.0/21", "echobase_ports gives edge 'high' - give a whole number from 1 to 65535"),
        ({"edge": True}, "10.240.8.0/21", "echobase_ports gives edge 'True' - "),
        ({"edge": 0}, "10.240.8.0/21", "echobase_ports gives edge '0' - "),
        ({"blue_offset": 61000}, "10.240.8.0/21", "echobase_ports gives blue_offset '61000' - give a whole number from 0 to 60964"),
        (OUTRIGHT | {"edge": 9443}, "10.240.8.0/21", "environment staging has port 9443 twice, for edge and for operators"),
        (
            OUTRIGHT | {"green_offset": 20000},
            "10.240.8.0/21",
            "environment staging has one offset for both colours",
        ),
        (OUTRIGHT, "10.240.8.0/24", "echobase_subnets '10.240.8.0/24' is no block of eight subnets - give one that ends in /21"),
        (OUTRIGHT, "10.240.9.0/21", "echobase_subnets '10.240.9.0/21' is no block of eight subnets"),
        (OUTRIGHT, "many", "echobase_subnets 'many' is no block of eight subnets"),
    ],
)
def test_what_is_given_outright_is_checked(ports: dict[str, Any], subnets: str, words: str) -> None:
    with pytest.raises(Refusal, match=re.escape(words)):
        made(ports=ports, subnets=subnets)
