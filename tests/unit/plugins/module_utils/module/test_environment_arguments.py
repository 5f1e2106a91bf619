from __future__ import annotations

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.module.environment_arguments import environment_of


def params(environment: str = "test", network_prefix: str = "10.231") -> dict[str, str]:
    return {"environment": environment, "home": "/srv", "network_prefix": network_prefix}


def test_they_name_an_environment() -> None:
    env = environment_of(params(network_prefix="172.30"))
    assert (env.home, env.durable_network.subnet) == ("/srv/test", "172.30.16.0/24")


@pytest.mark.parametrize("prefix", ["10", "10.256", "10.1.2", "10.x", " 10.2", ""])
def test_a_malformed_prefix_is_refused(prefix: str) -> None:
    with pytest.raises(Refusal, match="give two octets"):
        environment_of(params(network_prefix=prefix))


def test_one_that_the_inventory_describes() -> None:
    env = environment_of({**params("staging"), "index": 3, "ports": {"edge": "8443"}, "subnets": "10.240.8.0/21"})
    assert (env.server("mariadb").port, env.edge_port, env.durable_network.subnet) == (3309, 8443, "10.240.8.0/24")


def test_an_unknown_environment_is_refused() -> None:
    with pytest.raises(Refusal, match="unknown environment 'prod'"):
        environment_of(params("prod"))
