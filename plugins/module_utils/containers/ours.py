"""Finds and removes what an environment has on the Docker engine.

Names there are the whole machine's. So whatever has one of our names and was not made for this environment is a refusal, and is left alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import found_or_none, refuse_foreign

if TYPE_CHECKING:
    from docker import DockerClient

# The Docker engine's own description of a container, a volume or a network.
Described = dict[str, Any]


def listed_containers(docker: DockerClient, *patterns: str) -> dict[str, Mapping[str, Any]]:
    """The engine's summaries of the containers whose names fit one of the patterns, running or not, by name. Whose they are, they say."""
    filters = {"name": list(patterns)}
    return {summary["Names"][0].lstrip("/"): summary for summary in docker.api.containers(all=True, filters=filters)}


def our_container(docker: DockerClient, environment: str, name: str) -> Described | None:
    """The container, running or not; None where there is none."""
    found: Described | None = found_or_none(lambda: docker.api.inspect_container(name))
    if found is not None:
        refuse_foreign("container", name, found["Config"]["Labels"], environment)
    return found


def needed_container(docker: DockerClient, environment: str, name: str) -> Described:
    """The container that setting up the durable layer makes, without which nothing can be done here."""
    found = our_container(docker, environment, name)
    if found is None:
        raise Refusal(f"there is no container {name}", f"{playbook('setup_durable')} makes it, and leaves data as they are")
    return found


def remove_our_container(docker: DockerClient, environment: str, name: str) -> None:
    """Removes the container, as one that a killed run left behind, with the nameless volumes that its image asks for."""
    if our_container(docker, environment, name) is not None:
        docker.api.remove_container(name, force=True, v=True)


def our_volume(docker: DockerClient, environment: str, name: str) -> Described | None:
    found: Described | None = found_or_none(lambda: docker.api.inspect_volume(name))
    if found is not None:
        refuse_foreign("volume", name, found["Labels"], environment)
    return found


def our_network(docker: DockerClient, environment: str, name: str) -> Described | None:
    found: Described | None = found_or_none(lambda: docker.api.inspect_network(name))
    if found is not None:
        refuse_foreign("network", name, found["Labels"], environment)
    return found
