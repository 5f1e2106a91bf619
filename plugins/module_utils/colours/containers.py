"""The containers of a colour, found by their Compose project: a name prefix would match other things, too."""

from __future__ import annotations

from collections.abc import Container as Collection
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ansible_collections.echobase.platform.plugins.module_utils.containers.described import health_in
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Colour

if TYPE_CHECKING:
    from docker import DockerClient


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


def problem_with(colour: Colour, containers: list[Container], services: Sequence[str], silent: Collection[str] = ()) -> str:
    """What is wrong with a colour, as far as the containers of these services show; empty when all is well.

    Of a service that is `silent` nobody can ask whether it is ready: its container's own health check has to have said so.
    """
    if not containers:
        return f"{colour.name} has no containers"
    found = {container.name: container for container in containers}
    for service in services:
        name = colour.container(service)
        if name not in found or not found[name].is_running:
            return f"{name} is not running"
        if found[name].health == "unhealthy":
            return f"{name} is unhealthy"
        if service in silent and found[name].health == "starting":
            return f"{name} is still starting"
    return ""
