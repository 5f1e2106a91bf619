"""The edge's container. Compose makes it; it goes by its own name, since `compose down` takes its project, the database, with it."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible_collections.echobase.platform.plugins.module_utils.docker_host import refuse_foreign
from ansible_collections.echobase.platform.plugins.module_utils.errors import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.port_holder import port_holder

if TYPE_CHECKING:
    from docker import DockerClient

_EMERGENCY = re.compile(r"\[emerg\] (?:\d+#\d+: )?(.+)")
_RELOAD_SECONDS = 10
_POLL_SECONDS = 0.05


class EdgeContainer:
    def __init__(self, docker: DockerClient, environment: str, name: str, image: str) -> None:
        self._docker = docker
        self._environment = environment
        self._name = name
        self._image = image

    def refuse_obstacles(self, ports: Sequence[int]) -> None:
        """Nothing of somebody else's may have the edge's name, nor a port while the edge does not run."""
        container = self._find()
        if container is not None:
            refuse_foreign("container", self._name, container.labels, self._environment)
            if container.status == "running":
                return
        for port in ports:
            holder = port_holder(port, self._docker)
            if holder:
                raise Refusal(f"port {port}, which {self._name} needs, is taken by {holder}", "stop that, then run this again")

    def image_exists(self) -> bool:
        return bool(self._docker.api.images(name=self._image, quiet=True))

    def runs_wanted_image(self) -> bool:
        container = self._find()
        return container is not None and container.status == "running" and container.attrs["Config"]["Image"] == self._image

    def test(self, mounts: Mapping[Path, str]) -> str:
        """nginx's own complaint about a configuration; empty when it accepts it."""
        container = self._docker.containers.create(
            self._image,
            ["nginx", "-e", "/dev/stderr", "-t", "-q", "-c", "/edge/nginx.conf"],
            network_mode="none",
            read_only=True,
            tmpfs={"/tmp": ""},
            volumes={str(path): {"bind": target, "mode": "ro"} for path, target in mounts.items()},
            labels={"io.echobase.environment": self._environment},
        )
        try:
            container.start()
            if container.wait()["StatusCode"] == 0:
                return ""
            lines = container.logs().decode(errors="replace").splitlines()
        finally:
            container.remove(force=True)
        complaints = [found[1] for line in lines if (found := _EMERGENCY.search(line))]
        return complaints[0] if complaints else f"it gives no reason but {lines[-1:]}"

    def exists(self) -> bool:
        return self._find() is not None

    def remove(self) -> None:
        container = self._find()
        if container is not None:
            refuse_foreign("container", self._name, container.labels, self._environment)
            # With the signal and the grace period that its Compose file gave it.
            container.stop()
            container.remove()

    def reload(self) -> None:
        """Ends when workers with the new configuration are at work; the old ones finish what they have."""
        container = self._docker.containers.get(self._name)
        before = _processes(container)
        container.kill(signal="HUP")
        end = time.monotonic() + _RELOAD_SECONDS
        while not _processes(container) - before:
            if time.monotonic() > end:
                last = container.logs(tail=1).decode(errors="replace").strip()
                raise Refusal(f"{self._name} did not reload within {_RELOAD_SECONDS} s: {last}", f"see `docker logs {self._name}`")
            time.sleep(_POLL_SECONDS)

    def _find(self) -> Any:
        import docker  # noqa: PLC0415 - the caller's client proves that it is there

        try:
            return self._docker.containers.get(self._name)
        except docker.errors.NotFound:
            return None


def _processes(container: Any) -> set[str]:
    listing = container.top()
    column = listing["Titles"].index("PID")
    return {process[column] for process in listing["Processes"]}
