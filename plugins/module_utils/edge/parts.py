"""The containers of the edge beside nginx itself: who holds its sockets, and the operators' desk."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ansible_collections.echobase.platform.plugins.module_utils.colours.containers import Container
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment

if TYPE_CHECKING:
    from docker import DockerClient


def problems_of_edge_parts(docker: DockerClient, env: Environment) -> dict[str, str]:
    """What is wrong, by container; empty when all is well. One question to the engine for all of them."""
    names = (env.sockets_container, env.desk_container)
    label = f"com.docker.compose.project={env.durable_project}"
    found = [Container.of(summary) for summary in docker.api.containers(all=True, filters={"label": label})]
    return {name: _problem(name, found) for name in names}


def _problem(name: str, found: Iterable[Container]) -> str:
    container = next((container for container in found if container.name == name), None)
    if container is None:
        return f"there is no container {name}"
    if not container.is_running:
        return f"{name} is {container.state}"
    return "" if container.health in ("healthy", "none") else f"{name} is {container.health}"
