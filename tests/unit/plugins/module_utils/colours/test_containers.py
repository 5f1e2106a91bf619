from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.colours.containers import SERVING, Container, problem_with
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import SERVICES, environment

GREEN = environment("test").colour("green")


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


def test_a_colour_needs_all_its_services_to_be_promoted_and_two_to_answer() -> None:
    assert problem_with(GREEN, containers(SERVICES)) == ""
    assert problem_with(GREEN, containers(SERVING)) == "echobase-test-green-order-processor is not running"
    assert problem_with(GREEN, containers(SERVING), SERVING) == ""
    assert problem_with(GREEN, containers(["frontend"]), SERVING) == "echobase-test-green-api-gateway is not running"


def test_a_stopped_or_unhealthy_container_is_named() -> None:
    rest = containers([service for service in SERVICES if service != "localstack"])
    stopped = containers(["localstack"], State="exited", Status="Exited (1) 2 seconds ago")
    assert problem_with(GREEN, rest + stopped) == "echobase-test-green-localstack is not running"
    unhealthy = containers(["localstack"], Status="Up 3 minutes (unhealthy)")
    assert problem_with(GREEN, rest + unhealthy) == "echobase-test-green-localstack is unhealthy"
    assert problem_with(GREEN, rest + unhealthy, SERVING) == ""
    assert problem_with(GREEN, []) == "green has no containers"
