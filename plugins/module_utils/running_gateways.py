"""The gateways of an environment that run, of either colour, and what each says about itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.colour_containers import containers_of
from ansible_collections.echobase.platform.plugins.module_utils.docker_host import docker_client
from ansible_collections.echobase.platform.plugins.module_utils.errors import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.https_client import HttpsClient
from ansible_collections.echobase.platform.plugins.module_utils.topology import Environment

# A container in another state reads everything anew when it starts.
_WITH_A_MEMORY = ("running", "paused", "restarting")
_TIMEOUT = 5


@dataclass(frozen=True)
class Gateway:
    """`name` is what a user knows it by."""

    name: str
    client: HttpsClient

    def readiness(self) -> Mapping[str, Any]:
        """What it says about itself, whether it is ready or not; nothing if it does not answer."""
        try:
            answer = self.client.request("GET", "/ready").json()
        except Refusal:
            return {}
        return answer if isinstance(answer, dict) else {}


def running_gateways(env: Environment) -> list[Gateway]:
    found = containers_of(docker_client(), env.colours.values())
    running = {container.name for containers in found.values() for container in containers if container.state in _WITH_A_MEMORY}
    return [
        Gateway(f"the gateway of {name}", HttpsClient("127.0.0.1", colour.api_port, env.path("tls", "ca.crt"), {}, _TIMEOUT))
        for name, colour in env.colours.items()
        if colour.container("api-gateway") in running
    ]
