"""How old the distribution's packages are in the images that an environment runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from ansible_collections.echobase.platform.plugins.module_utils.containers.client import found_or_none
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment
from ansible_collections.echobase.platform.plugins.module_utils.images.catalogue import BUILT_LABEL, LABEL

if TYPE_CHECKING:
    from docker import DockerClient


@dataclass(frozen=True, order=True)
class ImageAge:
    """`packages` is the day on which the base was made that the image stands on: no package is older, later layers may have newer ones."""

    packages: date
    name: str


def ages_of_images(docker: DockerClient, env: Environment) -> list[ImageAge]:
    """The age of every image that a container of the environment was made from, the oldest first."""
    projects = [env.durable_project, env.observability_project, *(colour.project for colour in env.colours.values())]
    found = {
        (container["Labels"][LABEL], container["ImageID"])
        for project in projects
        for container in docker.api.containers(all=True, filters={"label": f"com.docker.compose.project={project}"})
        if LABEL in container["Labels"]
    }
    days = {(name, _day(docker, image)) for name, image in found}
    return sorted(ImageAge(day, name) for name, day in days if day is not None)


def _day(docker: DockerClient, image: str) -> date | None:
    """Gives the day on the image's label, or without one that of its oldest layer; None for an image that is gone."""
    found = found_or_none(lambda: docker.images.get(image))
    if found is None:
        return None
    built = found.labels.get(BUILT_LABEL)
    if built:
        return date.fromisoformat(built)
    return datetime.fromtimestamp(min(layer["Created"] for layer in found.history()), UTC).date()
