"""The gateways of an environment that run, of either colour, and what each says about itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.application.stored import StoredDefinitions
from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.base.waiting import looks
from ansible_collections.echobase.platform.plugins.module_utils.colours.containers import containers_of
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import docker_client
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment
from ansible_collections.echobase.platform.plugins.module_utils.host.https_client import HttpsClient

# A gateway looks at its keys every few seconds (apps/api_gateway/tokens.py).
PATIENCE_SECONDS = 60.0
_SECONDS_BETWEEN_QUESTIONS = 0.3
# The service of the order system that signs tokens and reads notes.
_SERVICE = "api-gateway"
# A container in one of these states remembers keys. Another one reads everything anew when it starts.
_WITH_A_MEMORY = ("running", "paused", "restarting")
_TIMEOUT = 5
_REWRAP = ["python", "-m", "order_processor.rewrap"]
# Two milliseconds a note, a million notes and some to spare.
_REWRAP_SECONDS = 6 * 3600


@dataclass(frozen=True)
class Gateway:
    """A gateway that runs. A user knows it by `name`."""

    name: str
    client: HttpsClient
    container: str = ""

    def readiness(self) -> Mapping[str, Any]:
        """Gives what the gateway says about itself, whether it is ready or not; gives nothing if it does not answer."""
        try:
            answer = self.client.request("GET", "/ready").json()
        except Refusal:
            return {}
        return answer if isinstance(answer, dict) else {}


def running_gateways(env: Environment) -> list[Gateway]:
    found = containers_of(docker_client(), env.colours.values())
    running = {container.name for containers in found.values() for container in containers if container.state in _WITH_A_MEMORY}
    gateways = []
    for name, colour in env.colours.items():
        container = colour.container(_SERVICE)
        deployed = StoredDefinitions(env).of(name) if container in running else None
        if deployed and _SERVICE in deployed.definition.settings.routed:
            settings = deployed.definition.settings
            address = colour.edge_addresses[settings.routed.index(_SERVICE)]
            port = settings.route_of(_SERVICE).port
            client = HttpsClient(address, port, env.path("tls", "ca.crt"), timeout=_TIMEOUT, tls_name=colour.tls_name)
            gateways.append(Gateway(f"the gateway of {name}", client, container))
    return gateways


def rewrap_notes(gateways: list[Gateway]) -> Mapping[str, int]:
    """Has one of the gateways' containers wrap all notes with the newest key; gives nothing where no gateway runs."""
    if not gateways:
        return {}
    gateway = gateways[0]
    done: Any = docker_client(timeout=_REWRAP_SECONDS).containers.get(gateway.container).exec_run(_REWRAP, demux=True)
    code, (stdout, stderr) = done
    if code != 0:
        said = (stderr or b"").decode(errors="replace").strip().splitlines()
        raise Refusal(
            f"{gateway.name} could not wrap all notes with the new key: {said[-1] if said else f'exit code {code}'}",
            f"see {playbook('status')}, then run the same again; every note is readable meanwhile",
        )
    return dict(json.loads(stdout))


def refuse_older_releases(gateways: list[Gateway]) -> None:
    """A release from before keys could be rotated would never learn the new one."""
    for gateway in gateways:
        told = gateway.readiness()
        if told and "token_keys" not in told:
            raise Refusal(
                f"{gateway.name} runs release {told.get('release')}, which cannot tell which keys it accepts",
                f"deploy a newer release there, or remove that colour with {playbook('cleanup')}; nothing was changed",
            )


def await_gateways(
    gateways: Callable[[], list[Gateway]], what: str, is_so: Callable[[Mapping[str, Any]], bool], patience: float = PATIENCE_SECONDS
) -> None:
    """Waits until each gateway that runs says about itself that it did this."""
    for _look in looks(patience, interval=_SECONDS_BETWEEN_QUESTIONS):
        late = [gateway.name for gateway in gateways() if not is_so(gateway.readiness())]
        if not late:
            return
    raise Refusal(
        f"{' and '.join(late)} did not {what} within {patience:.0f} s",
        f"see {playbook('status')}; running the same again goes on from here",
    )
