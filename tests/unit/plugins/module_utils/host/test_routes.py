from __future__ import annotations

from ipaddress import IPv4Network

from ansible_collections.echobase.platform.plugins.module_utils.host.routes import Route, host_routes, parse_routes

TABLE = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
tun0\t0000000A\t00000000\t0001\t0\t0\t0\t000000FF\t0\t0\t0
"""


def test_the_kernels_table_is_read_without_default_routes() -> None:
    assert parse_routes(TABLE) == [Route(IPv4Network("172.17.0.0/16"), "docker0"), Route(IPv4Network("10.0.0.0/8"), "tun0")]


def test_this_machines_own_table_can_be_read() -> None:
    assert all(route.interface for route in host_routes())
