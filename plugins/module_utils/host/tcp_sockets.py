"""This machine's TCP sockets, as the kernel lists them, and the processes that have them open."""

from __future__ import annotations

import sys
from collections.abc import Container, Iterable
from contextlib import suppress
from ipaddress import IPv4Address
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


def listening_at(ports: Container[int]) -> dict[int, set[str]]:
    """The inodes of the sockets that listen at these ports, by port; a port where nobody listens is not in it."""
    found: dict[int, set[str]] = {}
    for table in _TABLES:
        for line in table.read_text().splitlines()[1:] if table.exists() else ():
            fields = line.split()
            if fields[3] == LISTENING and (port := int(fields[1].rpartition(":")[2], 16)) in ports:
                found.setdefault(port, set()).add(fields[9])
    return found


def connections_to(address: str, port: int) -> int | None:
    """How many connections this machine has to that place; None where the kernel's table cannot be read."""
    try:
        return connections_in(_TABLES[0].read_text(), address, port)
    except OSError:
        return None


def connections_in(table: str, address: str, port: int) -> int:
    # The kernel writes an address as a number of its own machine's byte order.
    wanted = f"{int.from_bytes(IPv4Address(address).packed, sys.byteorder):08X}:{port:04X}"
    return sum(fields[2] == wanted and fields[3] == ESTABLISHED for fields in (line.split() for line in table.splitlines()[1:]))


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
