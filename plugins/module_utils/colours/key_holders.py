"""The services that keep keys of the environment in memory: those that run, of either colour, and what each says about its keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.application.stored import StoredDefinitions
from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.base.waiting import looks
from ansible_collections.echobase.platform.plugins.module_utils.colours.containers import containers_of
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import docker_client
from ansible_collections.echobase.platform.plugins.module_utils.containers.one_off import OneOff
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment
from ansible_collections.echobase.platform.plugins.module_utils.host.https_client import HttpsClient

# What each kind of key is called in the answer of such a service.
TOKEN_KEYS, WRAPPING_KEY = "token_keys", "wrapping_key"
# Who keeps keys looks at them every few seconds.
PATIENCE_SECONDS = 60.0
_SECONDS_BETWEEN_QUESTIONS = 0.3
# A container in one of these states remembers keys. Another one reads everything anew when it starts.
_WITH_A_MEMORY = ("running", "paused", "restarting")
_TIMEOUT = 5
REWRAP = "rewrap"
# Two milliseconds a value, some millions of them, and time to spare.
_REWRAP_SECONDS = 6 * 3600


@dataclass(frozen=True)
class KeyHolder:
    """A service that runs and keeps keys. A user knows it by `name`; `path` is where it tells them."""

    name: str
    client: HttpsClient
    path: str

    def told(self) -> Mapping[str, Any]:
        """Gives what it says about itself, whether it is ready or not; gives nothing if it does not answer."""
        try:
            answer = self.client.request("GET", self.path).json()
        except Refusal:
            return {}
        return answer if isinstance(answer, dict) else {}


def running_key_holders(env: Environment) -> list[KeyHolder]:
    found = containers_of(docker_client(), env.colours.values())
    running = {container.name for containers in found.values() for container in containers if container.state in _WITH_A_MEMORY}
    holders = []
    for name, colour in env.colours.items():
        deployed = StoredDefinitions(env).of(name)
        settings = deployed.definition.settings if deployed else None
        for service, path in settings.keys.items() if settings else ():
            if settings and colour.container(service) in running:
                address = colour.edge_addresses[settings.routed.index(service)]
                port = settings.route_of(service).port
                client = HttpsClient(address, port, env.path("tls", "ca.crt"), timeout=_TIMEOUT, tls_name=colour.tls_name)
                holders.append(KeyHolder(f"{service} of {name}", client, path))
    return holders


def rewrap(env: Environment) -> Mapping[str, int]:
    """Has one of the colours wrap all that older keys wrapped with the newest; gives nothing where no colour can."""
    for name, colour in env.colours.items():
        deployed = StoredDefinitions(env).of(name)
        if deployed is None or REWRAP not in deployed.definition.settings.jobs:
            continue
        job = OneOff(colour.project, file=env.path("compose", f"{name}.yml"), seconds=_REWRAP_SECONDS)
        ended = job.run(colour.host(deployed.definition.settings.jobs[REWRAP]))
        if ended.code != 0:
            raise Refusal(
                f"job {REWRAP} of {name} could not wrap everything with the new key: {ended.reason}",
                f"see {playbook('status')}, then run the same again; everything is readable meanwhile",
            )
        return {key: value for key, value in ended.told.items() if isinstance(value, int)}
    return {}


def refuse_older_releases(holders: list[KeyHolder], kind: str) -> None:
    """A release from before such keys could be rotated would never learn the new one."""
    for holder in holders:
        told = holder.told()
        if told and kind not in told:
            raise Refusal(
                f"{holder.name} does not say at {holder.path} which keys it has ({kind})",
                f"deploy a release there that does, or remove that colour with {playbook('cleanup')}; nothing was changed",
            )


def await_key_holders(
    holders: Callable[[], list[KeyHolder]], what: str, is_so: Callable[[Mapping[str, Any]], bool], patience: float = PATIENCE_SECONDS
) -> None:
    """Waits until each of them that runs says about itself that it did this."""
    for _look in looks(patience, interval=_SECONDS_BETWEEN_QUESTIONS):
        late = [holder.name for holder in holders() if not is_so(holder.told())]
        if not late:
            return
    raise Refusal(
        f"{' and '.join(late)} did not {what} within {patience:.0f} s",
        f"see {playbook('status')}; running the same again goes on from here",
    )
