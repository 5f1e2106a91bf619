"""The order system's own Compose file keeps what is published: names, ports, networks and addresses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.echobase.platform.plugins.module_utils.application.colour_project import ColourPlace, colour_project
from ansible_collections.echobase.platform.plugins.module_utils.application.compose_answer import compose_answer
from ansible_collections.echobase.platform.plugins.module_utils.application.definition import Definition
from ansible_collections.echobase.platform.plugins.module_utils.application.edge_routes import edge_routes
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import environment

ROOT = Path(__file__).parents[5]
FILE: dict[str, Any] = yaml.safe_load((ROOT / "apps" / "orders" / "compose.yml").read_text())


@pytest.mark.parametrize(
    ("env", "colour", "project", "gateway", "ports"),
    [
        ("devlocal", "blue", "echobase", "echobase-devlocal-api-gateway", [3001, 3443, 3000, 4566, 4571]),
        ("ci", "green", "echobase-green", "echobase-green-api-gateway", [3101, 3543, 3100, 4666, 4671]),
        ("devlocal", "green", "echobase-devlocal-green", "echobase-devlocal-green-api-gateway", [3201, 3643, 3200, 4766, 4771]),
        ("ci", "blue", "echobase-ci-blue", "echobase-ci-blue-api-gateway", [3301, 3743, 3300, 4866, 4871]),
        ("test", "green", "echobase-test-green", "echobase-test-green-api-gateway", [3501, 3943, 3500, 5066, 5071]),
    ],
)
def test_the_published_interface(env: str, colour: str, project: str, gateway: str, ports: list[int]) -> None:
    it = environment(env).colour(colour)
    published = [
        int(port.split(":")[0]) + it.offset
        for name in ("api-gateway", "frontend", "localstack")
        for port in FILE["services"][name]["ports"]
    ]
    assert (it.project, it.container("api-gateway"), published) == (project, gateway, ports)


def test_its_networks_have_their_published_names() -> None:
    blue, green = (environment("devlocal").colour(name) for name in ("blue", "green"))
    assert list(FILE["networks"]) == ["default", "aws"]
    assert (blue.network.name, blue.further_network("aws")) == ("echobase-network", "echobase-aws-devlocal-blue-network")
    assert green.further_network("aws") == "echobase-aws-devlocal-green-network"


def test_the_front_end_comes_first_on_the_edges_network_and_the_gateway_second() -> None:
    routes = FILE["x-echobase"]["routes"]
    assert list(dict.fromkeys(routes[prefix]["service"] for prefix in sorted(routes))) == ["frontend", "api-gateway"]


def test_its_version_is_that_of_its_images() -> None:
    assert FILE["x-echobase"]["version"] == (ROOT / "apps" / "VERSION").read_text().strip()


def test_another_service_is_its_own_lines_and_one_route(tmp_path: Path) -> None:
    text = (ROOT / "apps" / "orders" / "compose.yml").read_text()
    service = "  stock:\n    image: registry.example.com/shop/stock:1\n    networks: [default]\n"
    route = "    /api/stock: stock:9000\n"
    more = text.replace("\nnetworks:\n", f"\n{service}\nnetworks:\n").replace("  routes:\n", f"  routes:\n{route}")
    assert len(more.splitlines()) == len(text.splitlines()) + len((service + route).splitlines()) + 1
    file = tmp_path / "compose.yml"
    env = environment("devlocal")
    made = []
    for written in (text, more):
        file.write_text(written)
        definition = Definition.of(compose_answer(str(file), {}), str(file))
        images = dict.fromkeys({**definition.services, **definition.jobs}, "image")
        project = colour_project(definition, ColourPlace(env, env.colour("blue"), "1-a", "1", images))
        made.append((project, edge_routes(env, {"blue": definition, "green": None})))
    (before, _), (after, routes) = made
    assert set(after["services"]) - set(before["services"]) == {"blue-stock"}
    assert "/api/stock" in str(routes)
