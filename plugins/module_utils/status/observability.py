"""What the screen tells of what watches the environment. Nothing else needs it, so it never makes an environment unwell."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment
from ansible_collections.echobase.platform.plugins.module_utils.observability.description import FILES
from ansible_collections.echobase.platform.plugins.module_utils.observability.own_backend import FILE, OwnBackend

if TYPE_CHECKING:
    from docker import DockerClient

_COMPOSE = "compose/observability.yml"


def observed_by(docker: DockerClient, env: Environment) -> list[str]:
    """The lines of the screen, by one question to the engine; none where it is switched off."""
    if not Path(env.path(_COMPOSE)).exists():
        return []
    label = f"com.docker.compose.project={env.observability_project}"
    found = docker.api.containers(all=True, filters={"label": label})
    states = {one["Labels"]["com.docker.compose.service"]: one["State"] for one in found}
    wanting = [f"{service} is {state}" for service, state in sorted(states.items()) if state != "running"]
    if wanting or not states:
        return [f"OBSERVED  NOT BY ALL: {', '.join(wanting) or 'nothing runs'}", f"          {playbook('observability')} brings it back"]
    backend = _own_backend(env)
    if backend:
        trouble = backend.trouble()
        told = f"OBSERVED  by {len(states)} containers, for {backend.endpoint}"
        return [f"{told}, IN VAIN", f"          {trouble}"] if trouble else [told]
    tools = [f"/{tool}/" for tool in env.tools if tool in states]
    return [f"OBSERVED  by {len(states)} containers, at {env.operators_url} {' '.join(tools)}".rstrip()]


def _own_backend(env: Environment) -> OwnBackend | None:
    try:
        return OwnBackend.described(Path(env.path(FILES, FILE)).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
