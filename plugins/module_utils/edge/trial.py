"""A configuration is tried by the very image that will run it, in a throw-away container without network."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ansible_collections.echobase.platform.plugins.module_utils.containers.client import ENVIRONMENT_LABEL
from ansible_collections.echobase.platform.plugins.module_utils.containers.limits import SMALL_JOB, SMALL_TEMPORARY, in_memory

if TYPE_CHECKING:
    from docker import DockerClient

_EMERGENCY = re.compile(r"\[emerg\] (?:\d+#\d+: )?(.+)")


class NginxTrial:
    def __init__(self, docker: DockerClient, environment: str, image: str) -> None:
        self._docker = docker
        self._environment = environment
        self._image = image

    def is_possible(self) -> bool:
        return bool(self._docker.api.images(name=self._image, quiet=True))

    def complaint(self, mounts: Mapping[Path, str]) -> str:
        """Gives nginx's own complaint about the configuration; empty when it accepts that."""
        container = self._docker.containers.create(
            self._image,
            ["nginx", "-e", "/dev/stderr", "-t", "-q", "-c", "/edge/nginx.conf"],
            network_mode="none",
            read_only=True,
            tmpfs={place: in_memory(SMALL_TEMPORARY) for place in ("/tmp", "/logs")},
            volumes={str(path): {"bind": target, "mode": "ro"} for path, target in mounts.items()},
            labels={ENVIRONMENT_LABEL: self._environment},
            **SMALL_JOB,
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
