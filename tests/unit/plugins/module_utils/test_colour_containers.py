from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.colour_containers import Container, problem_with
from ansible_collections.echobase.platform.plugins.module_utils.topology import environment

GREEN = environment("test").colour("green")


def summary(**changes: Any) -> dict[str, Any]:
    whole = {
        "Names": ["/echobase-test-green-frontend"],
        "State": "running",
        "Status": "Up 3 minutes (healthy)",
        "Image": "echobase/frontend:1",
    }
    return {**whole, "Labels": {"io.echobase.release": "1.0.0-abc"}, **changes}


@pytest.mark.parametrize(
    ("status", "health"),
    [
        ("Up 3 minutes (healthy)", "healthy"),
        ("Up 2 seconds (health: starting)", "starting"),
        ("Up About an hour (unhealthy)", "unhealthy"),
        ("Up 3 minutes", "none"),
        ("Exited (137) 2 minutes ago", "none"),
    ],
)
def test_health_is_read_from_the_engines_phrase(status: str, health: str) -> None:
    assert Container.of(summary(Status=status)).health == health


def test_a_container_is_described() -> None:
    assert Container.of(summary()) == Container("echobase-test-green-frontend", "running", "healthy", "echobase/frontend:1", "1.0.0-abc")


def test_a_colour_needs_its_gateway_and_its_front_end() -> None:
    frontend, gateway = (Container.of(summary(Names=[f"/{GREEN.container(service)}"])) for service in ("frontend", "api-gateway"))
    assert problem_with(GREEN, [frontend, gateway]) == ""
    assert problem_with(GREEN, [frontend]) == "echobase-test-green-api-gateway is not running"
    stopped = Container.of(summary(State="exited", Status="Exited (1) 2 seconds ago"))
    assert problem_with(GREEN, [gateway, stopped]) == "echobase-test-green-frontend is not running"
    assert problem_with(GREEN, []) == "green has no containers"
