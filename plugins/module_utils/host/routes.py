"""The IPv4 networks that this host already reaches, and whether it has IPv6 at all."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

_TABLE = Path("/proc/net/route")
_IPV6_ADDRESSES = Path("/proc/net/if_inet6")


@dataclass(frozen=True)
class Route:
    destination: IPv4Network
    interface: str

    def __str__(self) -> str:
        return f"to {self.destination} by {self.interface}"


def _address(field: str) -> str:
    """The kernel prints addresses as hexadecimal numbers in the machine's byte order."""
    return socket.inet_ntoa(struct.pack("=L", int(field, 16)))


def parse_routes(table: str) -> list[Route]:
    """The networks without default routes, which lead everywhere and so overlap with nothing in particular."""
    routes = []
    for line in table.splitlines()[1:]:
        fields = line.split()
        destination = IPv4Network(f"{_address(fields[1])}/{_address(fields[7])}", strict=False)
        if destination.prefixlen > 0:
            routes.append(Route(destination, fields[0]))
    return routes


def host_routes() -> list[Route]:
    return parse_routes(_TABLE.read_text())


def host_has_ipv6() -> bool:
    """The file is missing where the kernel has no IPv6, and empty where that is switched off."""
    return _IPV6_ADDRESSES.exists() and bool(_IPV6_ADDRESSES.read_text(encoding="ascii").strip())
