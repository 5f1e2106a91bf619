"""What tests know of the order system beyond what the platform does: its services, and the ports that its Compose file publishes."""

from __future__ import annotations

from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Colour

# The order is that of its routes, then the others.
SERVICES = ("frontend", "api-gateway", "order-processor", "localstack")
_PUBLISHED = {"frontend_https": 3443, "frontend_http": 3000, "api": 3001, "emulator": 4566, "emulator_second": 4571}


def port(colour: Colour, what: str) -> int:
    return _PUBLISHED[what] + colour.offset


def frontend_address(colour: Colour) -> str:
    return colour.edge_addresses[0]


def gateway_address(colour: Colour) -> str:
    return colour.edge_addresses[1]
