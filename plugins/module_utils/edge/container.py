"""One of the edge's containers: the nginx that serves, the one that stands in for it, or the holder of their sockets.

Each goes by its own name, since `compose down` takes its project, the database, with it.
"""

from __future__ import annotations

from collections.abc import Container
from typing import TYPE_CHECKING, Any

from ansible_collections.echobase.platform.plugins.module_utils.containers.client import (
    CONFIGURATION_LABEL,
    ENVIRONMENT_LABEL,
    refuse_foreign,
)
from ansible_collections.echobase.platform.plugins.module_utils.host.tcp_sockets import ESTABLISHED, open_in, sockets

if TYPE_CHECKING:
    from docker import DockerClient

_READY = ("edge-health",)
_LEAVE = ("edge-leave",)
_IS_LEAVING = ("test", "-e", "/tmp/leaving")


class EdgeContainer:
    def __init__(self, docker: DockerClient, environment: str, name: str) -> None:
        self._docker = docker
        self._environment = environment
        self.name = name

    def refuse_foreign(self) -> None:
        container = self._find()
        if container is not None:
            refuse_foreign("container", self.name, container.labels, self._environment)

    def is_ours(self) -> bool:
        container = self._find()
        return container is not None and container.labels.get(ENVIRONMENT_LABEL) == self._environment

    def exists(self) -> bool:
        return self._find() is not None

    def runs(self) -> bool:
        container = self._find()
        return container is not None and container.status == "running"

    def is_made_from(self, digest: str) -> bool:
        container = self._find()
        return container is not None and container.labels.get(CONFIGURATION_LABEL) == digest

    def is_unhealthy(self) -> bool:
        container = self._find()
        return container is not None and container.attrs["State"].get("Health", {}).get("Status") == "unhealthy"

    def is_ready(self) -> bool:
        return self.succeeds(*_READY)

    def is_leaving(self) -> bool:
        return self.succeeds(*_IS_LEAVING)

    def leave(self) -> None:
        """Has nginx close each connection after its next answer."""
        self.succeeds(*_LEAVE)

    def connections(self, ports: Container[int]) -> set[str]:
        """The connections of the container's clients, each by a name that no later connection will have."""
        return sockets(ports, ESTABLISHED) & open_in(self._processes())

    def succeeds(self, *command: str) -> bool:
        """Whether this command succeeds in the container; without a container nothing does."""
        import docker  # noqa: PLC0415 - the caller's client proves that it is there

        container = self._find()
        try:
            return container is not None and container.exec_run(list(command)).exit_code == 0
        except docker.errors.APIError:
            # It stopped meanwhile.
            return False

    def last_words(self) -> str:
        container = self._find()
        return container.logs(tail=1).decode(errors="replace").strip() if container is not None else "it is gone"

    def stop(self) -> None:
        """Stops the container with the signal and the grace period that its Compose file gave it."""
        container = self._find()
        if container is not None:
            container.stop()

    def remove(self) -> None:
        container = self._find()
        if container is not None:
            refuse_foreign("container", self.name, container.labels, self._environment)
            container.stop()
            container.remove()

    def _processes(self) -> set[str]:
        import docker  # noqa: PLC0415 - the caller's client proves that it is there

        container = self._find()
        try:
            listing = container.top() if container is not None else {"Titles": ["PID"], "Processes": []}
        except docker.errors.APIError:
            return set()
        column = listing["Titles"].index("PID")
        return {process[column] for process in listing["Processes"]}

    def _find(self) -> Any:
        import docker  # noqa: PLC0415 - the caller's client proves that it is there

        try:
            return self._docker.containers.get(self.name)
        except docker.errors.NotFound:
            return None
