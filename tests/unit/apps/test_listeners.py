from __future__ import annotations

from ipaddress import ip_network

from api_gateway.listeners import listeners, served


def test_it_listens_on_every_network_but_those_where_nobody_calls_it() -> None:
    addresses = ["10.231.1.21", "10.231.0.130", "10.231.2.3"]
    assert served(addresses, [ip_network("10.231.0.0/24")]) == ["10.231.1.21", "10.231.2.3", "127.0.0.1"]


def test_without_such_networks_it_listens_everywhere() -> None:
    [everywhere] = listeners(0, [], backlog=1)
    with everywhere:
        assert everywhere.getsockname()[0] == "0.0.0.0"
