"""The releases whose containers are there, and what they say of the schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible_collections.echobase.platform.plugins.module_utils.application.stored import Deployed, StoredDefinitions
from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.colours.containers import containers_of
from ansible_collections.echobase.platform.plugins.module_utils.colours.endpoints import unknown_origin
from ansible_collections.echobase.platform.plugins.module_utils.colours.job_service import (
    NO_NETWORK,
    SERVICE,
    command_of,
    job_project,
    place_of,
)
from ansible_collections.echobase.platform.plugins.module_utils.containers.one_off import OneOff
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment
from ansible_collections.echobase.platform.plugins.module_utils.migrations.job import SCHEMA

if TYPE_CHECKING:
    from docker import DockerClient


class DeployedReleases:
    def __init__(self, docker: DockerClient, env: Environment) -> None:
        self._docker = docker
        self._env = env

    def all(self) -> dict[str, Deployed | None]:
        """Gives a release for each colour that has containers, running or not; None where nobody knows what it was made from."""
        stored = StoredDefinitions(self._env)
        found = containers_of(self._docker, self._env.colours.values())
        return {name: stored.of(name) for name, containers in found.items() if containers}

    @property
    def known(self) -> dict[str, Deployed]:
        return {name: release for name, release in self.all().items() if release is not None}

    @property
    def notices(self) -> list[str]:
        """What is not rehearsed, since nobody can start it on a copy."""
        return [f"not rehearsed: {unknown_origin(name)}" for name, release in self.all().items() if release is None]

    def contracts(self) -> dict[str, list[str]]:
        """The contracts that each colour's release can live with. A release whose migrations are plain commands says nothing of it."""
        found = {}
        for name, release in self.all().items():
            if release is None:
                raise Refusal(
                    f"nobody knows which schemas {name} runs on: {unknown_origin(name)}", f"or remove it with {playbook('cleanup')}"
                )
            if SCHEMA in release.definition.settings.jobs:
                found[name] = self._contracts_of(name, release)
        return found

    def _contracts_of(self, name: str, release: Deployed) -> list[str]:
        place = place_of(self._env, release)
        text = job_project(release, place, SCHEMA, NO_NETWORK)
        ended = OneOff(f"echobase-{self._env.name}-migrations", text).run(SERVICE, [*command_of(release, SCHEMA), "range"])
        if ended.code != 0 or "contracts" not in ended.told:
            raise Refusal(
                f"the release in {name} ({release.release}) does not say which schemas it runs on",
                f"deploy a newer one to that colour, or remove it with {playbook('cleanup')}",
            )
        return [str(contract) for contract in ended.told["contracts"]]
