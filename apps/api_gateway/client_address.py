"""Who is calling, whether directly or through the edge."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import ip_address

from starlette.types import Scope

from orders.settings import IpNetwork


class ClientAddress:
    """The last hop tells the address that it saw itself; what stands before it in the header anybody may have written."""

    def __init__(self, trusted: Sequence[IpNetwork]) -> None:
        self._trusted = trusted
        # The same few call all the time.
        self._is_trusted = lru_cache(maxsize=1024)(self._is_within_trusted)

    def of(self, scope: Scope) -> str:
        peer = _peer(scope)
        if not self._is_trusted(peer):
            return peer
        forwarded = next((value for name, value in scope["headers"] if name == b"x-forwarded-for"), b"")
        return forwarded.decode("latin-1").rpartition(",")[2].strip() or peer

    def is_of_proxy(self, scope: Scope) -> bool:
        return self._is_trusted(_peer(scope))

    def _is_within_trusted(self, peer: str) -> bool:
        try:
            address = ip_address(peer)
        except ValueError:
            return False
        return any(address in network for network in self._trusted)


def _peer(scope: Scope) -> str:
    return str((scope.get("client") or ("", 0))[0])
