"""The conversion of a copy of a database's data to another major version, in a throw-away container that reaches nobody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import ENVIRONMENT_LABEL
from ansible_collections.echobase.platform.plugins.module_utils.containers.ours import remove_our_container
from ansible_collections.echobase.platform.plugins.module_utils.containers.run_to_end import run_to_end
from ansible_collections.echobase.platform.plugins.module_utils.durable_db.trial_server import (
    host_config_like,
    server_container,
)
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment

if TYPE_CHECKING:
    from docker import DockerClient


@dataclass(frozen=True)
class DataConversion:
    """`image` has the program upgrade-data; the engine tells which of the two majors' images that is."""

    docker: DockerClient
    env: Environment
    engine: str
    image: str

    def run(self, volume: str, folder: str) -> None:
        names = self.env.server(self.engine)
        name = f"{names.container}-upgrade"
        self.remove_left_over()
        model = server_container(self.docker, self.env, self.engine)
        container = self.docker.api.create_container(
            self.image,
            ["upgrade-data", f"{names.data_mount}/{folder}"],
            name=name,
            entrypoint="",
            user=model["Config"]["User"],
            labels={ENVIRONMENT_LABEL: self.env.name},
            host_config=host_config_like(self.docker, model, names.data_mount, volume, "none"),
        )["Id"]
        ended = run_to_end(self.docker, container)
        if ended.status != 0:
            reason = ended.complaint.strip().rpartition("\n")[2] or f"it ended with status {ended.status}"
            raise Refusal(
                f"the copy could not be upgraded: {reason}", "what serves was not touched; remove that cause, then run this again"
            )

    def remove_left_over(self) -> None:
        """Removes the container of a run that was killed: it would work on a folder that somebody else uses by now."""
        remove_our_container(self.docker, self.env.name, f"{self.env.server(self.engine).container}-upgrade")
