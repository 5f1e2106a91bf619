"""The networks that outlive every release: for the databases, between the edge and the colours, for what watches them."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome, Refusal
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import ENVIRONMENT_LABEL, refuse_foreign
from ansible_collections.echobase.platform.plugins.module_utils.containers.neighbours import Neighbours, Place, PlaceRecord
from ansible_collections.echobase.platform.plugins.module_utils.environment.locks import networks_lock
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment, Network
from ansible_collections.echobase.platform.plugins.module_utils.host.routes import Route, host_routes

if TYPE_CHECKING:
    from docker import DockerClient


# A packet that leaves this network keeps its container's own address, so no answer finds the way back.
_CLOSED = {"com.docker.network.bridge.enable_icc": "false", "com.docker.network.bridge.enable_ip_masquerade": "false"}


class NetworkStep(enum.Enum):
    KEEP = "keep"
    CREATE = "create"
    RECREATE = "recreate"
    REMOVE = "remove"


@dataclass(frozen=True)
class DockerNetwork:
    """A network as the engine has it; `containers` are all that would lose it, running or not."""

    name: str
    id: str
    subnets: tuple[str, ...]
    labels: dict[str, str]
    containers: tuple[str, ...] = ()
    options: dict[str, str] = field(default_factory=dict)

    @property
    def bridge(self) -> str:
        return f"br-{self.id[:12]}"


@dataclass(frozen=True)
class ObservedNetworks:
    networks: tuple[DockerNetwork, ...]
    routes: tuple[Route, ...]

    @property
    def owned_subnets(self) -> list[tuple[str, str]]:
        """The subnets of the engine's networks, each with the environment that its network says it belongs to."""
        return [(network.labels.get(ENVIRONMENT_LABEL, ""), subnet) for network in self.networks for subnet in network.subnets]

    def named(self, name: str) -> DockerNetwork | None:
        return next((network for network in self.networks if network.name == name), None)


def network_steps(environment: str, wanted: Sequence[Network], state: str, observed: ObservedNetworks) -> dict[str, NetworkStep]:
    """What to do with each network; refuses before anything is touched."""
    steps = {}
    for network in wanted:
        existing = observed.named(network.name)
        if existing:
            refuse_foreign("network", network.name, existing.labels, environment)
        steps[network.name] = _step_absent(existing) if state == "absent" else _step_present(network, existing, observed)
    return steps


def _step_absent(existing: DockerNetwork | None) -> NetworkStep:
    if existing is None:
        return NetworkStep.KEEP
    _refuse_attached(
        existing,
        "cannot be removed",
        f"where they are this environment's own, another run is starting them: let it end, then run {playbook('teardown')} (again);"
        " remove others yourself",
    )
    return NetworkStep.REMOVE


def _step_present(wanted: Network, existing: DockerNetwork | None, observed: ObservedNetworks) -> NetworkStep:
    if existing and existing.subnets == (wanted.subnet,):
        # A network that an earlier version made is open. It is made anew once no container would be cut off by that.
        return NetworkStep.RECREATE if is_too_open(wanted, existing) and not existing.containers else NetworkStep.KEEP
    if existing:
        _refuse_attached(
            existing,
            f"has subnet {', '.join(existing.subnets)}, wanted is {wanted.subnet}, but it cannot be changed",
            f"remove these containers first; {playbook('teardown')} removes ours",
        )
    _refuse_overlap(wanted, existing, observed)
    return NetworkStep.RECREATE if existing else NetworkStep.CREATE


def is_too_open(wanted: Network, existing: DockerNetwork) -> bool:
    return wanted.is_closed and not _CLOSED.items() <= existing.options.items()


def _refuse_attached(network: DockerNetwork, problem: str, remedy: str) -> None:
    if network.containers:
        raise Refusal(f"network {network.name} {problem}: attached to it are {', '.join(network.containers)}", remedy)


def _refuse_overlap(wanted: Network, existing: DockerNetwork | None, observed: ObservedNetworks) -> None:
    subnet = IPv4Network(wanted.subnet)
    remedy = "set echobase_network_prefix to two octets that are free on this host, such as 10.199"
    bridges = {existing.bridge} if existing else set()
    for network in observed.networks:
        if network is existing:
            continue
        bridges.add(network.bridge)
        for other in network.subnets:
            if subnet.overlaps(IPv4Network(other)):
                raise Refusal(f"subnet {subnet} of {wanted.name} overlaps with {other} of the Docker network {network.name}", remedy)
    for route in observed.routes:
        if route.interface not in bridges and subnet.overlaps(route.destination):
            raise Refusal(f"subnet {subnet} of {wanted.name} overlaps with this host's route {route}", remedy)


class Networks:
    def __init__(self, docker: DockerClient, env: Environment) -> None:
        self._docker = docker
        self._env = env
        self._wanted = (env.durable_network, env.edge_network, env.observability_network)

    def ensure(self, state: str, check_mode: bool) -> Outcome:
        if check_mode:
            return self._ensure(state, apply=False)
        with networks_lock():
            return self._ensure(state, apply=True)

    def _ensure(self, state: str, apply: bool) -> Outcome:
        observed = self._observe()
        if state == "present":
            Neighbours(self._env, observed.owned_subnets).refuse_collisions()
        steps = network_steps(self._env.name, self._wanted, state, observed)
        record, place = PlaceRecord(Path(self._env.home)), Place.of(self._env)
        is_news = state == "present" and record.read() != place
        if apply and is_news:
            # The record comes before the networks, so that whoever sees those finds it.
            record.write(place)
        if apply:
            for network in self._wanted:
                self._apply(steps[network.name], network, observed)
        return Outcome(
            changed=is_news or any(step is not NetworkStep.KEEP for step in steps.values()),
            before={network.name: list(found.subnets) for network in self._wanted if (found := observed.named(network.name))},
            after={network.name: [network.subnet] for network in self._wanted} if state == "present" else {},
            facts={
                "networks": [{"name": network.name, "subnet": network.subnet} for network in self._wanted],
                "steps": {name: step.value for name, step in steps.items()},
            },
            warnings=[
                f"network {network.name} is of an earlier version, and containers on it reach each other: it is made anew by the first"
                f" {playbook('setup')} that finds nothing attached to it, after {playbook('teardown')}"
                for network in self._wanted
                if state == "present"
                and steps[network.name] is NetworkStep.KEEP
                and (found := observed.named(network.name))
                and is_too_open(network, found)
            ],
        )

    def _observe(self) -> ObservedNetworks:
        names = {network.name for network in self._wanted}
        return ObservedNetworks(
            networks=tuple(self._network(found, with_containers=found["Name"] in names) for found in self._docker.api.networks()),
            routes=tuple(host_routes()),
        )

    def _network(self, found: dict[str, Any], with_containers: bool) -> DockerNetwork:
        subnets = (config.get("Subnet", "") for config in found["IPAM"].get("Config") or ())
        return DockerNetwork(
            name=found["Name"],
            id=found["Id"],
            subnets=tuple(subnet for subnet in subnets if subnet and ":" not in subnet),
            labels=found.get("Labels") or {},
            containers=self._attached(found["Name"]) if with_containers else (),
            options=found.get("Options") or {},
        )

    def _attached(self, network: str) -> tuple[str, ...]:
        """Gives the containers on a network. Stopped ones count: without their network they cannot start again."""
        everywhere = self._docker.api.containers(all=True)
        attached = (container for container in everywhere if network in container["NetworkSettings"]["Networks"])
        return tuple(sorted(container["Names"][0].lstrip("/") for container in attached))

    def _apply(self, step: NetworkStep, network: Network, observed: ObservedNetworks) -> None:
        existing = observed.named(network.name)
        if existing and step in (NetworkStep.RECREATE, NetworkStep.REMOVE):
            self._docker.api.remove_network(existing.id)
        if step in (NetworkStep.CREATE, NetworkStep.RECREATE):
            self._create(network)

    def _create(self, network: Network) -> None:
        from docker.types import IPAMConfig, IPAMPool  # noqa: PLC0415 - see docker_client

        # Containers without a fixed address get one from the upper half, so a fixed one is never taken while its owner is away.
        subnet = IPv4Network(network.subnet)
        _lower_half, upper_half = subnet.subnets()
        pool = IPAMPool(subnet=str(subnet), iprange=str(upper_half), gateway=str(subnet[1]))
        self._docker.api.create_network(
            network.name,
            driver="bridge",
            options=_CLOSED if network.is_closed else None,
            ipam=IPAMConfig(pool_configs=[pool]),
            labels={ENVIRONMENT_LABEL: self._env.name},
            check_duplicate=True,
        )
