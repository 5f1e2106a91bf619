"""What sets one environment apart from the others on its host: names, ports and a block of subnets.

The rows of the known environments are a published interface. Every other environment comes from its inventory: by rule from an index,
or from ports and subnets that are given outright (docs/operate/environments.md).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv4Network
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.environment.database_places import ENGINES

COLOURS = ("blue", "green")
DEFAULT_NETWORK_PREFIX = "10.231"
SUBNETS_PREFIX_LENGTH = 21
# How far a replica's port is off its primary's.
REPLICA_PORTS = 100

_OFFSETS = {"blue": "blue_offset", "green": "green_offset"}
# From the next index on, an environment's edge would have the port of devlocal's operators; a unit test finds this limit.
LARGEST_INDEX = 9
_LARGEST_PORT = 65535
# A colour's ports are those that its application publishes, and so much more.
_LARGEST_OFFSET = 60964

_NAME = re.compile(r"(?=.{1,20}\Z)[a-z][a-z0-9]*(-[a-z0-9]+)*")
# These words stand beside the environment's name in names of containers and cookies. With one in it, two such names could be equal.
_RESERVED = ("aws", "blue", "durable", "echobase", "edge", "green", "observability")


@dataclass(frozen=True)
class Stack:
    """What sets a colour apart."""

    project: str
    container_prefix: str
    cloud_network: str
    # What is added to the ports that the application publishes.
    offset: int


@dataclass(frozen=True)
class Layout:
    # None where ports and subnets are given outright.
    index: int | None
    durable_project: str
    # The replicas' ports are in it only where they are given: otherwise they follow their primary's.
    ports: dict[str, int]
    stacks: dict[str, Stack]
    # Eight subnets of 256 addresses.
    subnets: IPv4Network


@dataclass(frozen=True)
class _Row:
    durable_project: str
    stacks: dict[str, Stack]


# The order gives each its index.
_KNOWN = {
    "devlocal": _Row(
        "echobase-durable",
        {
            "blue": Stack("echobase", "echobase-devlocal", "echobase-aws-devlocal-blue-network", 0),
            "green": Stack("echobase-devlocal-green", "echobase-devlocal-green", "echobase-aws-devlocal-green-network", 200),
        },
    ),
    "ci": _Row(
        "echobase-ci-durable",
        {
            "blue": Stack("echobase-ci-blue", "echobase-ci-blue", "echobase-aws-ci-blue-network", 300),
            "green": Stack("echobase-green", "echobase-green", "echobase-aws-ci-green-network", 100),
        },
    ),
    "test": _Row(
        "echobase-test-durable",
        {
            "blue": Stack("echobase-test-blue", "echobase-test-blue", "echobase-aws-test-blue-network", 400),
            "green": Stack("echobase-test-green", "echobase-test-green", "echobase-aws-test-green-network", 500),
        },
    ),
}
KNOWN_ENVIRONMENTS = tuple(_KNOWN)
SMALLEST_FREE_INDEX = len(_KNOWN)


@dataclass(frozen=True)
class Placement:
    """What an inventory says about where its environment is on the host."""

    index: int | None = None
    # Ports by name, and how far each colour's are off devlocal's blue.
    ports: Mapping[str, Any] | None = None
    # One block of 2048 addresses.
    subnets: str = ""
    network_prefix: str = ""


def layout_of(name: str, placement: Placement) -> Layout:
    _refuse_bad_name(name)
    ports = _read_ports(placement.ports or {})
    subnets = _read_subnets(placement.subnets) if placement.subnets else None
    index = _index_of(name, placement.index, bool(ports or subnets))
    if index is None:
        _refuse_gaps(name, ports, subnets)
    # Without an index all that follows from one is given, so none of it is used below.
    by_rule = index or 0
    row = _KNOWN.get(name) or _row_by_rule(name, by_rule)
    return Layout(
        index=index,
        durable_project=row.durable_project,
        ports=_ports_by_rule(by_rule) | {port: number for port, number in ports.items() if port not in _OFFSETS.values()},
        stacks={colour: replace(stack, offset=ports.get(_OFFSETS[colour], stack.offset)) for colour, stack in row.stacks.items()},
        subnets=subnets or IPv4Network(f"{placement.network_prefix or DEFAULT_NETWORK_PREFIX}.{8 * by_rule}.0/{SUBNETS_PREFIX_LENGTH}"),
    )


def _ports_by_rule(index: int) -> dict[str, int]:
    return {
        **{place.service: place.port + index for place in ENGINES.values()},
        "redis": 6379 + index,
        "edge": 443 + 100 * index,
        "operators": 1443 + 100 * index,
    }


def _row_by_rule(name: str, index: int) -> _Row:
    stacks = {}
    for colour, further in (("blue", 0), ("green", 100)):
        project = f"echobase-{name}-{colour}"
        # A container's way out is the first of its networks by name, so the emulator's comes before those of the durable layer.
        stacks[colour] = Stack(project, project, f"echobase-{name}-aws-{colour}-network", 200 * index + further)
    return _Row(f"echobase-{name}-durable", stacks)


def _refuse_bad_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise Refusal(
            f"'{name}' is no name for an environment",
            "set echobase_env to at most 20 lower-case letters, digits and single hyphens, the first a letter",
        )
    taken = sorted(set(name.split("-")) & set(_RESERVED))
    if taken:
        raise Refusal(
            f"'{name}' is no name for an environment: '{taken[0]}' stands in names of the platform's own",
            f"set echobase_env to a name without {', '.join(_RESERVED)}",
        )


def _index_of(name: str, index: int | None, is_given_outright: bool) -> int | None:
    if name in _KNOWN:
        own = KNOWN_ENVIRONMENTS.index(name)
        if index not in (None, own):
            raise Refusal(
                f"environment {name} has index {own}, and echobase_index says {index}",
                "leave echobase_index out of its inventory, or give the environment another name",
            )
        return own
    free = f"{SMALLEST_FREE_INDEX} to {LARGEST_INDEX}"
    if index is None and not is_given_outright:
        raise Refusal(
            f"unknown environment '{name}'",
            f"choose one of {', '.join(_KNOWN)}, or add a line such as 'echobase_index: {SMALLEST_FREE_INDEX}' to its inventory"
            f" ({free}, each once on a host)",
        )
    if index is None or SMALLEST_FREE_INDEX <= index <= LARGEST_INDEX:
        return index
    if 0 <= index < SMALLEST_FREE_INDEX:
        raise Refusal(f"index {index} of environment {name} is that of {KNOWN_ENVIRONMENTS[index]}", f"set echobase_index to one of {free}")
    raise Refusal(
        f"echobase_index {index} of environment {name} has no ports of its own",
        f"set it to one of {free}, or leave it out and give echobase_ports and echobase_subnets",
    )


def _read_ports(given: Mapping[str, Any]) -> dict[str, int]:
    replicas = [f"{place.service}_replica" for place in ENGINES.values()]
    names = (*_ports_by_rule(0), *replicas, *_OFFSETS.values())
    ports = {}
    for name, value in given.items():
        if name not in names:
            raise Refusal(f"echobase_ports has no port '{name}'", f"choose from {', '.join(names)}")
        text = str(value).strip()
        lowest = 0 if name in _OFFSETS.values() else 1
        highest = _LARGEST_OFFSET if name in _OFFSETS.values() else _LARGEST_PORT
        if isinstance(value, bool) or not re.fullmatch(r"[0-9]{1,5}", text) or not lowest <= int(text) <= highest:
            raise Refusal(f"echobase_ports gives {name} '{value}'", f"give a whole number from {lowest} to {highest}")
        ports[name] = int(text)
    return ports


def _read_subnets(given: str) -> IPv4Network:
    try:
        block = IPv4Network(given)
    except ValueError:
        block = None
    if block is None or block.prefixlen != SUBNETS_PREFIX_LENGTH:
        raise Refusal(
            f"echobase_subnets '{given}' is no block of eight subnets",
            "give one that ends in /21, its third octet a multiple of eight, such as 10.240.8.0/21",
        )
    return block


def _refuse_gaps(name: str, ports: Mapping[str, int], subnets: IPv4Network | None) -> None:
    missing = [f"echobase_ports.{port}" for port in (*_ports_by_rule(0), *_OFFSETS.values()) if port not in ports]
    missing += [] if subnets else ["echobase_subnets"]
    if missing:
        raise Refusal(
            f"environment {name} has no index, and its inventory leaves out {', '.join(missing)}",
            f"add them, or echobase_index ({SMALLEST_FREE_INDEX} to {LARGEST_INDEX}) from which they follow",
        )
