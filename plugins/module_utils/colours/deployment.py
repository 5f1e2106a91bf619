"""The containers of one colour, as an application's definition describes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ansible_collections.echobase.platform.plugins.module_utils.application.colour_project import (
    ColourPlace,
    as_text,
    colour_project,
    port_clashes,
    published_ports,
    shared_volume,
)
from ansible_collections.echobase.platform.plugins.module_utils.application.config_files import write_config_files
from ansible_collections.echobase.platform.plugins.module_utils.application.definition import Definition
from ansible_collections.echobase.platform.plugins.module_utils.application.problems import refuse
from ansible_collections.echobase.platform.plugins.module_utils.application.stored import StoredDefinitions
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome, Refusal
from ansible_collections.echobase.platform.plugins.module_utils.colours.containers import containers_of
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import ENVIRONMENT_LABEL
from ansible_collections.echobase.platform.plugins.module_utils.containers.compose import PLACEHOLDER, ComposeFile
from ansible_collections.echobase.platform.plugins.module_utils.containers.described import DescribedContainers
from ansible_collections.echobase.platform.plugins.module_utils.containers.ours import our_volume, remove_our_container
from ansible_collections.echobase.platform.plugins.module_utils.host.port_holder import port_holder

if TYPE_CHECKING:
    from docker import DockerClient


class ColourDeployment:
    def __init__(self, docker: DockerClient, definition: Definition, place: ColourPlace, file: str = "the Compose file") -> None:
        refuse(file, port_clashes(definition, place.env))
        self._docker = docker
        self._definition = definition
        self._place = replace(place, configuration=PLACEHOLDER)
        self._stored = StoredDefinitions(place.env)

    @property
    def containers(self) -> list[str]:
        return [self._place.colour.container(service) for service in self._definition.services]

    def ensure(self, seconds: int, check: bool) -> Outcome:
        """Returns when all of them are healthy, or run where they say nothing of their health."""
        place = self._place
        volumes = self._missing_volumes()
        told = self._stored.text(self._definition.project, place.release, place.version, place.images)
        is_news = told != self._stored.written(place.colour.name)
        there = [container.name for container in containers_of(self._docker, [place.colour])[place.colour.name]]
        if not there:
            self._refuse_taken_ports()
        # Of services that its application does not have any more.
        others = [name for name in there if name not in self.containers]
        if not check:
            # They may have the addresses that the new ones get.
            for container in others:
                remove_our_container(self._docker, place.env.name, container)
            for volume in volumes:
                self._docker.volumes.create(volume, labels={ENVIRONMENT_LABEL: place.env.name})
            if is_news:
                # Before the containers, so that whoever finds these finds what they were made from.
                self._stored.write(place.colour.name, told)
            write_config_files(place.env, self._definition.project)
        file = ComposeFile(place.colour.project, place.env.path("compose", f"{place.colour.name}.yml"))
        text = as_text(colour_project(self._definition, place), place)
        outcome = DescribedContainers(self._docker, place.env.name, file, text, self.containers).ensure(seconds, check)
        removals = (f"remove {container}" for container in others)
        steps: Sequence[str] = [*removals, *(f"make {volume}" for volume in volumes), *outcome.facts["steps"]]
        return Outcome(bool(steps) or is_news, outcome.before, outcome.after, {"steps": list(steps)})

    def _refuse_taken_ports(self) -> None:
        """As long as none of its containers is there, whoever has one of its ports is somebody else."""
        place = self._place
        for name, port in published_ports(self._definition, place.colour):
            holder = port_holder(port, self._docker)
            if holder:
                raise Refusal(
                    f"port {port}, which {name} of {place.colour.name} needs, is taken by {holder}",
                    f"stop that, publish another one in the Compose file, or give another {place.colour.name}_offset in echobase_ports",
                )

    def _missing_volumes(self) -> list[str]:
        names = [shared_volume(self._place.env, name) for name, kind in self._definition.settings.volumes.items() if kind == "shared"]
        return [name for name in names if our_volume(self._docker, self._place.env.name, name) is None]
