from __future__ import annotations

from ipaddress import ip_network

import pytest

from api_gateway.client_address import ClientAddress

ADDRESS = ClientAddress([ip_network("10.231.0.0/16")])


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("10.231.1.1", "203.0.113.7", "203.0.113.7"),
        ("10.231.1.1", "6.6.6.6, 203.0.113.7", "203.0.113.7"),
        ("10.231.1.1", None, "10.231.1.1"),
        ("10.231.1.1", "", "10.231.1.1"),
        # Anybody may send the header.
        ("198.51.100.4", "203.0.113.7", "198.51.100.4"),
        ("testclient", "203.0.113.7", "testclient"),
    ],
)
def test_who_is_calling(peer: str, forwarded: str | None, client: str) -> None:
    headers = [] if forwarded is None else [(b"x-forwarded-for", forwarded.encode())]
    assert ADDRESS.of({"type": "http", "client": (peer, 4711), "headers": headers}) == client
