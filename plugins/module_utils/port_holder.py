"""Who listens on a TCP port of this machine: the container that publishes it, or the process that holds it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from docker import DockerClient

_LISTEN = "0A"
_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))


def port_holder(port: int, docker: DockerClient | None = None) -> str | None:
    """A phrase for a message, or None when the port is free."""
    inodes = {inode for table in _TABLES if table.exists() for inode in listening_inodes(table.read_text(), port)}
    if not inodes:
        return None
    return _container(docker, port) or _process(inodes) or "a process that this user may not see"


def listening_inodes(table: str, port: int) -> set[str]:
    inodes = set()
    for line in table.splitlines()[1:]:
        fields = line.split()
        if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
            inodes.add(fields[9])
    return inodes


def _container(docker: DockerClient | None, port: int) -> str | None:
    for container in docker.api.containers(filters={"publish": str(port)}) if docker else ():
        if any(mapping.get("PublicPort") == port for mapping in container["Ports"]):
            return f"container {container['Names'][0].lstrip('/')}"
    return None


def _process(inodes: set[str]) -> str | None:
    sockets = {f"socket:[{inode}]" for inode in inodes}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(str(descriptor.readlink()) in sockets for descriptor in (process / "fd").iterdir()):
                return f"process {process.name} ({(process / 'comm').read_text().strip()})"
        except OSError:
            # It ended meanwhile, or belongs to another user.
            continue
    return None
