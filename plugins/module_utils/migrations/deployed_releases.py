"""The releases whose containers are there, and what their images say of the schema."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.colours.containers import containers_of
from ansible_collections.echobase.platform.plugins.module_utils.containers.limits import SMALL_JOB
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment
from ansible_collections.echobase.platform.plugins.module_utils.migrations.release_on_copy import DeployedRelease

if TYPE_CHECKING:
    from docker import DockerClient


class DeployedReleases:
    def __init__(self, docker: DockerClient, env: Environment) -> None:
        self._docker = docker
        self._env = env

    def all(self) -> list[DeployedRelease]:
        """Gives a release for each colour that has containers, running or not."""
        found = containers_of(self._docker, self._env.colours.values())
        images = {container.name: container.image for containers in found.values() for container in containers}
        releases = []
        for name, colour in self._env.colours.items():
            backend, emulator = (images.get(colour.container(service)) for service in ("api-gateway", "localstack"))
            if backend and emulator:
                releases.append(DeployedRelease(name, backend, emulator))
        return releases

    def contracts(self) -> dict[str, list[str]]:
        """The contracts that each colour's release can live with."""
        return {release.name: self._contracts_of(release) for release in self.all()}

    def _contracts_of(self, release: DeployedRelease) -> list[str]:
        from docker.errors import DockerException  # noqa: PLC0415 - see docker_client

        try:
            command = ["python", "-m", "migrations", "range"]
            container = self._docker.containers.create(release.backend, command, network_mode="none", **SMALL_JOB)
            try:
                container.start()
                container.wait()
                answer = container.logs(stderr=False)
            finally:
                container.remove(force=True, v=True)
            return [str(contract) for contract in json.loads(answer)["contracts"]]
        except (DockerException, ValueError, LookupError) as error:
            raise Refusal(
                f"the release in {release.name} ({release.backend}) does not say which schemas it runs on",
                f"deploy a newer one to that colour, or remove it with {playbook('cleanup')}",
            ) from error
