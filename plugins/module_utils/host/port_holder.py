"""Finds who listens on a TCP port of this machine: the container that publishes it, or the process that holds it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ansible_collections.echobase.platform.plugins.module_utils.host.tcp_sockets import LISTENING, open_in, sockets

if TYPE_CHECKING:
    from docker import DockerClient


def port_holder(port: int, docker: DockerClient | None = None) -> str | None:
    """Names the holder for a message; None when the port is free."""
    inodes = sockets({port}, LISTENING)
    if not inodes:
        return None
    return _container(docker, port) or holder_among(inodes)


def holder_among(inodes: set[str]) -> str:
    """Names the process that has one of these sockets open."""
    return _process(inodes) or "a process that this user may not see"


def _container(docker: DockerClient | None, port: int) -> str | None:
    for container in docker.api.containers(filters={"publish": str(port)}) if docker else ():
        if any(mapping.get("PublicPort") == port for mapping in container["Ports"]):
            return f"container {container['Names'][0].lstrip('/')}"
    return None


def _process(inodes: set[str]) -> str | None:
    for folder in Path("/proc").glob("[0-9]*"):
        if inodes & open_in([folder.name]):
            try:
                return f"process {folder.name} ({(folder / 'comm').read_text().strip()})"
            except OSError:
                continue
    return None
