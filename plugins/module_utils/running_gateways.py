"""The gateways of an environment that run, of either colour, and what each says about itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.colour_containers import containers_of
from ansible_collections.echobase.platform.plugins.module_utils.docker_host import docker_client
from ansible_collections.echobase.platform.plugins.module_utils.errors import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.https_client import HttpsClient
from ansible_collections.echobase.platform.plugins.module_utils.topology import Environment

# A gateway looks at its keys every few seconds (apps/api_gateway/tokens.py).
PATIENCE_SECONDS = 60.0
_SECONDS_BETWEEN_QUESTIONS = 0.3
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


def refuse_older_releases(gateways: list[Gateway]) -> None:
    """A release from before keys could be rotated would never learn the new one."""
    for gateway in gateways:
        told = gateway.readiness()
        if told and "token_keys" not in told:
            raise Refusal(
                f"{gateway.name} runs release {told.get('release')}, which cannot tell which keys it accepts",
                "deploy a newer release there, or remove that colour with playbooks/cleanup.yml; nothing was changed",
            )


def await_gateways(
    gateways: Callable[[], list[Gateway]], what: str, is_so: Callable[[Mapping[str, Any]], bool], patience: float = PATIENCE_SECONDS
) -> None:
    """Until each gateway that runs says so about itself."""
    deadline = time.monotonic() + patience
    while late := [gateway.name for gateway in gateways() if not is_so(gateway.readiness())]:
        if time.monotonic() > deadline:
            raise Refusal(
                f"{' and '.join(late)} did not {what} within {patience:.0f} s",
                "see `make status`; running the same again goes on from here",
            )
        time.sleep(_SECONDS_BETWEEN_QUESTIONS)
