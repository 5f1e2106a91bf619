"""The sockets on which the gateway is called: on each of its container's networks but some."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Sequence
from ipaddress import ip_address

from orders.settings import IpNetwork


def listeners(port: int, unserved: Sequence[IpNetwork], backlog: int) -> list[socket.socket]:
    addresses = served(_own_addresses(), unserved) if unserved else ["0.0.0.0"]
    return [socket.create_server((address, port), backlog=backlog) for address in addresses]


def served(addresses: Iterable[str], unserved: Sequence[IpNetwork]) -> list[str]:
    """Gives the addresses on which the gateway is called. It can always call itself."""
    others = {address for address in addresses if not any(ip_address(address) in network for network in unserved)}
    return sorted({"127.0.0.1", *others})


def _own_addresses() -> set[str]:
    """Docker writes a line for each network of a container into its file of hosts."""
    return {str(info[4][0]) for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
