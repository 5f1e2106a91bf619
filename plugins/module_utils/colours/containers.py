"""The containers of a colour, found by their Compose project: a name prefix would match other things, too."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ansible_collections.echobase.platform.plugins.module_utils.containers.described import health_in
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import SERVICES, Colour

if TYPE_CHECKING:
    from docker import DockerClient

# Without these nobody gets an answer; without the others, orders are accepted and stay unprocessed.
SERVING = ("api-gateway", "frontend")


@dataclass(frozen=True)
class Container:
    name: str
    state: str
    health: str
    image: str
    release: str

    @classmethod
    def of(cls, summary: dict[str, Any]) -> Container:
        return cls(
            name=summary["Names"][0].lstrip("/"),
            state=summary["State"],
            health=health_in(summary["Status"]),
            image=summary["Image"],
            release=summary["Labels"].get("io.echobase.release", ""),
        )

    @property
    def is_running(self) -> bool:
        return self.state == "running"


def containers_of(docker: DockerClient, colours: Iterable[Colour]) -> dict[str, list[Container]]:
    """Gives the containers of each colour, sorted by name. The engine is asked once for all of them."""
    names = {colour.project: colour.name for colour in colours}
    found: dict[str, list[Container]] = {name: [] for name in names.values()}
    for summary in docker.api.containers(all=True, filters={"label": ["com.docker.compose.project", "com.docker.compose.oneoff=False"]}):
        colour = names.get(summary["Labels"]["com.docker.compose.project"])
        if colour:
            found[colour].append(Container.of(summary))
    return {name: sorted(containers, key=lambda container: container.name) for name, containers in found.items()}


def problem_with(colour: Colour, containers: list[Container], services: Sequence[str] = SERVICES) -> str:
    """What is wrong with a colour, as far as the containers of these services show; empty when all is well."""
    if not containers:
        return f"{colour.name} has no containers"
    found = {container.name: container for container in containers}
    for name in map(colour.container, services):
        if name not in found or not found[name].is_running:
            return f"{name} is not running"
        if found[name].health == "unhealthy":
            return f"{name} is unhealthy"
    return ""
