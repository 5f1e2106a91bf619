from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.colours.containers import Container, problem_with
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import environment

GREEN = environment("test").colour("green")
# Two that customers reach, and two behind them.
SERVICES = ("frontend", "api-gateway", "order-processor", "localstack")
ROUTED = SERVICES[:2]


def summary(**changes: Any) -> dict[str, Any]:
    whole = {
        "Names": ["/echobase-test-green-frontend"],
        "State": "running",
        "Status": "Up 3 minutes (healthy)",
        "Image": "echobase/frontend:1",
    }
    return {**whole, "Labels": {"io.echobase.release": "1.0.0-abc"}, **changes}


def test_a_container_is_described() -> None:
    assert Container.of(summary()) == Container("echobase-test-green-frontend", "running", "healthy", "echobase/frontend:1", "1.0.0-abc")


def containers(services: Sequence[str], **changes: Any) -> list[Container]:
    return [Container.of(summary(Names=[f"/{GREEN.container(service)}"], **changes)) for service in services]


def test_a_colour_needs_all_its_services_to_be_promoted_and_those_that_customers_reach_to_answer() -> None:
    assert problem_with(GREEN, containers(SERVICES), SERVICES) == ""
    assert problem_with(GREEN, containers(ROUTED), SERVICES) == "echobase-test-green-order-processor is not running"
    assert problem_with(GREEN, containers(ROUTED), ROUTED) == ""
    assert problem_with(GREEN, containers(["frontend"]), ROUTED) == "echobase-test-green-api-gateway is not running"


def test_a_stopped_or_unhealthy_container_is_named() -> None:
    rest = containers([service for service in SERVICES if service != "localstack"])
    stopped = containers(["localstack"], State="exited", Status="Exited (1) 2 seconds ago")
    assert problem_with(GREEN, rest + stopped, SERVICES) == "echobase-test-green-localstack is not running"
    unhealthy = containers(["localstack"], Status="Up 3 minutes (unhealthy)")
    assert problem_with(GREEN, rest + unhealthy, SERVICES) == "echobase-test-green-localstack is unhealthy"
    assert problem_with(GREEN, rest + unhealthy, ROUTED) == ""
    assert problem_with(GREEN, [], SERVICES) == "green has no containers"


def test_of_a_service_that_cannot_be_asked_its_own_health_check_has_to_have_spoken() -> None:
    starting = containers(["frontend"], Status="Up 1 second (health: starting)")
    assert problem_with(GREEN, starting, ["frontend"]) == ""
    assert problem_with(GREEN, starting, ["frontend"], silent={"frontend"}) == "echobase-test-green-frontend is still starting"
    unchecked = containers(["frontend"], Status="Up 1 second")
    assert problem_with(GREEN, unchecked, ["frontend"], silent={"frontend"}) == ""
