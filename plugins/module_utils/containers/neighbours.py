"""The environments that share a host: none may have a port or a subnet that another one has.

Which ones are set up is told by the engine, whose networks carry the environment's name. Which ports they have is told by a record that
each leaves in its folder when its networks are made, since a container that is stopped shows none.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from ipaddress import IPv4Network
from pathlib import Path

from ansible_collections.echobase.platform.plugins.module_utils.base.atomic_file import write_durably
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.environment.ports_and_subnets import KNOWN_ENVIRONMENTS
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment, environment

_RECORD = "environment.json"
_CLOSED_FOLDER, _CLOSED_FILE = 0o700, 0o600


@dataclass(frozen=True)
class Place:
    """What an environment has on its host."""

    # None where ports and subnets are given outright.
    index: int | None
    # The ports, by what they are for.
    ports: dict[str, int]
    subnets: tuple[str, ...]

    @classmethod
    def of(cls, env: Environment) -> Place:
        return cls(env.index, env.ports, tuple(network.subnet for network in env.networks))


def refuse_collision(env: Environment, neighbour: str, place: Place) -> None:
    """`place` is what the neighbour has."""
    theirs = {port: what for what, port in place.ports.items()}
    ports = [(port, what) for what, port in env.ports.items() if port in theirs]
    taken = [IPv4Network(subnet) for subnet in place.subnets]
    subnets = [network.subnet for network in env.networks if any(IPv4Network(network.subnet).overlaps(other) for other in taken)]
    both = f"environments {env.name} and {neighbour} both have"
    if (ports or subnets) and env.index is not None and env.index == place.index:
        shared = [f"port {port}" for port, _what in ports[:1]] + [f"subnet {subnet}" for subnet in subnets[:1]]
        raise Refusal(f"{both} index {env.index} ({', '.join(shared)})", "give one of them another echobase_index")
    if ports:
        port, what = ports[0]
        raise Refusal(f"{both} port {port} ({what} and {theirs[port]})", "give one of them another in echobase_ports")
    if subnets:
        raise Refusal(f"{both} subnet {subnets[0]}", "give one of them another echobase_index, or another block in echobase_subnets")


class Neighbours:
    """`subnets` are the subnets of the engine's networks, each with the name of the environment that it belongs to."""

    def __init__(self, env: Environment, subnets: Iterable[tuple[str, str]]) -> None:
        self._env = env
        self._subnets = [(owner, subnet) for owner, subnet in subnets if owner and owner != env.name]

    def refuse_collisions(self) -> None:
        for neighbour in sorted({owner for owner, _subnet in self._subnets}):
            refuse_collision(self._env, neighbour, self._place(neighbour))

    def _place(self, neighbour: str) -> Place:
        in_use = tuple(subnet for owner, subnet in self._subnets if owner == neighbour)
        record = PlaceRecord(Path(self._env.home).with_name(neighbour)).read()
        if record:
            return Place(record.index, record.ports, (*record.subnets, *in_use))
        if neighbour in KNOWN_ENVIRONMENTS:
            # The environment was set up by a version that left no record, and such a one has its default ports and subnets.
            known = environment(neighbour)
            return Place(known.index, known.ports, in_use)
        return Place(None, {}, in_use)


class PlaceRecord:
    """The record in an environment's own folder of what it has, for the other environments to read."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / _RECORD

    def read(self) -> Place | None:
        try:
            found = json.loads(self._file.read_text())
            return Place(found["index"], dict(found["ports"]), tuple(found["subnets"]))
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError):
            raise Refusal(
                f"{self._file} cannot be read, so nobody knows which ports that environment has",
                "remove the file, and run that environment's setup once more",
            ) from None

    def write(self, place: Place) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True, mode=_CLOSED_FOLDER)
        write_durably(self._file, (json.dumps(asdict(place), indent=2) + "\n").encode(), mode=_CLOSED_FILE)
