"""This machine's TCP sockets, as the kernel lists them, and the processes that have them open."""

from __future__ import annotations

from collections.abc import Container, Iterable
from contextlib import suppress
from pathlib import Path

ESTABLISHED = "01"
LISTENING = "0A"
_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))


def sockets(ports: Container[int], state: str) -> set[str]:
    """The inodes of the sockets that are in this state at one of these local ports."""
    return {inode for table in _TABLES if table.exists() for inode in sockets_in(table.read_text(), ports, state)}


def sockets_in(table: str, ports: Container[int], state: str) -> set[str]:
    inodes = set()
    for line in table.splitlines()[1:]:
        fields = line.split()
        if fields[3] == state and int(fields[1].rpartition(":")[2], 16) in ports:
            inodes.add(fields[9])
    return inodes


def open_in(processes: Iterable[str]) -> set[str]:
    """The inodes of every socket that one of these processes has open."""
    inodes = set()
    for process in processes:
        # A process may end meanwhile, or belong to another user.
        with suppress(OSError):
            for descriptor in Path("/proc", process, "fd").iterdir():
                with suppress(OSError):
                    kind, _separator, inode = str(descriptor.readlink()).partition(":")
                    if kind == "socket":
                        inodes.add(inode.strip("[]"))
    return inodes
