"""The containers of a colour, found by their Compose project: a name prefix would match other things, too."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ansible_collections.echobase.platform.plugins.module_utils.topology import Colour

if TYPE_CHECKING:
    from docker import DockerClient

# Without these nobody gets an answer.
SERVING = ("api-gateway", "frontend")
_HEALTH = re.compile(r"\((?:health: )?(\w+)\)$")


@dataclass(frozen=True)
class Container:
    name: str
    state: str
    health: str
    image: str
    release: str

    @classmethod
    def of(cls, summary: dict[str, Any]) -> Container:
        # "Up 3 minutes (healthy)", "Up 1 second (health: starting)"; an exit code in parentheses comes first, not last.
        health = _HEALTH.search(summary["Status"])
        return cls(
            name=summary["Names"][0].lstrip("/"),
            state=summary["State"],
            health=health.group(1) if health else "none",
            image=summary["Image"],
            release=summary["Labels"].get("io.echobase.release", ""),
        )

    @property
    def is_running(self) -> bool:
        return self.state == "running"


def containers_of(docker: DockerClient, colours: Iterable[Colour]) -> dict[str, list[Container]]:
    """By colour, sorted by name; one question to the engine for all of them."""
    names = {colour.project: colour.name for colour in colours}
    found: dict[str, list[Container]] = {name: [] for name in names.values()}
    for summary in docker.api.containers(all=True, filters={"label": ["com.docker.compose.project", "com.docker.compose.oneoff=False"]}):
        colour = names.get(summary["Labels"]["com.docker.compose.project"])
        if colour:
            found[colour].append(Container.of(summary))
    return {name: sorted(containers, key=lambda container: container.name) for name, containers in found.items()}


def problem_with(colour: Colour, containers: list[Container]) -> str:
    """Why a colour cannot serve, as far as its containers show; empty when they all run."""
    if not containers:
        return f"{colour.name} has no containers"
    running = {container.name for container in containers if container.is_running}
    missing = [colour.container(service) for service in SERVING if colour.container(service) not in running]
    return f"{missing[0]} is not running" if missing else ""
