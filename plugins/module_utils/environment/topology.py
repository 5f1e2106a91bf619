"""Names, addresses and folders of every environment. Playbooks read them through the lookup `environment`.

Which ports and subnets an environment gets is decided in ports_and_subnets.py; everything else follows by rule, here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.environment.database_places import ENGINES
from ansible_collections.echobase.platform.plugins.module_utils.environment.inside import (
    APPLICATION,
    AUTHORITY_FILE,
    DATABASE,
    NGINX,
    OBSERVER,
)
from ansible_collections.echobase.platform.plugins.module_utils.environment.ports_and_subnets import (
    COLOURS,
    REPLICA_PORTS,
    Placement,
    layout_of,
)

DEFAULT_HOME = "/var/lib/echobase"
# An authority may sign whatever ends in this: a name that comes later belongs below it, or every client has to trust anew.
INTERNAL = "echobase.internal"
COLLECTOR_TLS_NAME = f"collector.{INTERNAL}"

# Last octet of a colour's first service that customers reach, on the edge network and on the colour's own; the others follow.
_EDGE_HOSTS = {"blue": 20, "green": 30}
# So many fit between the colours.
MOST_ROUTED = 10
_DESK_HOST = 10
# What is reached behind the operators' login: its last octet on the observability network, and its port.
TOOLS = {
    "console": (45, 8443),
    "grafana": (40, 3000),
    "prometheus": (41, 9090),
    "alertmanager": (46, 9093),
    "jaeger": (42, 16686),
    "loki": (43, 3100),
    "logs": (44, 9428),
}
# The cache's last octet on the durable network, and the port that it has there.
_CACHE_HOST, _CACHE_PORT = 20, 6379
# The collector's last octet, on the observability network and on the durable one, where the colours send to it.
_COLLECTOR_HOST = 50
# The desk's on the observability network: there Prometheus asks it for the edge's metrics.
_OBSERVED_DESK_HOST = 10

# How far a replica's last octet is off its primary's.
_REPLICA_HOSTS = 2
# Properties of an environment that templates use as well.
_DERIVED = (
    "edge_container",
    "edge_next_container",
    "sockets_container",
    "desk_container",
    "observability_project",
    "public_url",
    "operators_url",
    "public_name",
    "observability_prefix",
    "observability_gateway",
    "client_cookie",
    "preview_cookie",
    "operator_cookie",
    "ports",
)


@dataclass(frozen=True)
class Network:
    name: str
    subnet: str
    # No container on such a network reaches another one, nor anything outside; the host reaches them all.
    is_closed: bool = False


@dataclass(frozen=True)
class DatabaseServer:
    """The durable database of one engine."""

    engine: str
    # The Compose service; also the engine's name in those of containers and volumes.
    service: str
    container: str
    volume: str
    port: int
    container_port: int
    # The address on the environment's durable network.
    address: str
    data_mount: str


@dataclass(frozen=True)
class CacheServer:
    """The durable cache that both colours share."""

    # The Compose service; also its name in those of container, volume and folders.
    service: str
    container: str
    volume: str
    port: int
    container_port: int
    # The address on the environment's durable network.
    address: str

    @property
    def tls_name(self) -> str:
        """The name by which the application calls it. Authorities that are older than the cache may not sign its container's name."""
        return f"{self.service}.{INTERNAL}"


@dataclass(frozen=True)
class Tool:
    """Something that operators reach through the edge, behind its login, at /<name>/."""

    name: str
    address: str
    port: int

    @property
    def tls_name(self) -> str:
        return f"{self.name}.{INTERNAL}"


@dataclass(frozen=True)
class Colour:
    """One copy of the application: a Compose project."""

    name: str
    project: str
    container_prefix: str
    # The network of the application's services.
    network: Network
    # A second one, where the application's Compose file has it. A container's way out is the first of its networks, by name.
    cloud_network: Network
    # What is added to the ports that the application's Compose file publishes.
    offset: int
    # Fixed addresses of the services that customers reach, in the order of the application's routes: on the environment's edge network,
    # and on the colour's own.
    edge_addresses: tuple[str, ...]
    inside_addresses: tuple[str, ...]

    def container(self, service: str) -> str:
        return f"{self.container_prefix}-{service}"

    def further_network(self, name: str) -> str:
        """The name of a network that the application's Compose file has beside its default one."""
        return self.cloud_network.name.replace("-aws-", f"-{name}-")

    def host(self, service: str) -> str:
        """The Compose service key, unique to the colour: Docker DNS merges equal names on shared networks."""
        return f"{self.name}-{service}"

    @property
    def tls_name(self) -> str:
        """The name in the colour's certificate which the edge verifies."""
        return f"{self.name}.{INTERNAL}"


@dataclass(frozen=True)
class Environment:
    name: str
    home: str
    durable_project: str
    # The ports of the database servers, by service.
    server_ports: dict[str, int]
    redis_port: int
    edge_port: int
    operators_port: int
    durable_network: Network
    edge_network: Network
    # The operators' desk: their login, and the edge's metrics.
    desk_address: str
    # The address from which the edge's requests come: the edge is on the host's own network.
    edge_address: str
    # What watches all the others: the tools, what they keep, and the collector, which takes in what is sent to them.
    observability_network: Network
    # On the durable network, where the colours send to it.
    collector_address: str
    # Here Prometheus asks the operators' desk for the edge's metrics.
    desk_observed_address: str
    database: str = "orders_db"
    database_user: str = "app_user"
    colours: dict[str, Colour] = field(default_factory=dict)
    tools: dict[str, Tool] = field(default_factory=dict)
    # None where ports and subnets are given outright.
    index: int | None = None
    # The block that all subnets lie in.
    subnets: str = ""
    # The replicas' ports that the inventory gives; the others follow their primary's.
    replica_ports: dict[str, int] = field(default_factory=dict)
    # The names and addresses by which customers reach the host; the first one stands in links.
    public_names: tuple[str, ...] = ()

    def server(self, engine: str) -> DatabaseServer:
        if engine not in ENGINES:
            raise Refusal(f"unknown database engine '{engine}'", f"choose one of {', '.join(ENGINES)}")
        place = ENGINES[engine]
        container = f"echobase-{self.name}-durable-{place.service}"
        return DatabaseServer(
            engine=engine,
            service=place.service,
            container=container,
            volume=f"{container}-data",
            port=self.server_ports[place.service],
            container_port=place.container_port,
            address=f"{_prefix(self.durable_network.subnet)}.{place.host}",
            data_mount=place.data_mount,
        )

    def replica(self, engine: str) -> DatabaseServer:
        """The copy that follows the durable database, where one is wished for."""
        primary = self.server(engine)
        network, _separator, host = primary.address.rpartition(".")
        container = f"{primary.container}-replica"
        return replace(
            primary,
            service=f"{primary.service}-replica",
            container=container,
            volume=f"{container}-data",
            port=self.ports[f"{primary.service}_replica"],
            address=f"{network}.{int(host) + _REPLICA_HOSTS}",
        )

    @property
    def cache(self) -> CacheServer:
        container = f"echobase-{self.name}-durable-redis"
        return CacheServer(
            service="redis",
            container=container,
            volume=f"{container}-data",
            port=self.redis_port,
            container_port=_CACHE_PORT,
            address=f"{_prefix(self.durable_network.subnet)}.{_CACHE_HOST}",
        )

    @property
    def edge_container(self) -> str:
        return f"echobase-{self.name}-edge"

    @property
    def edge_next_container(self) -> str:
        """The nginx that serves for a moment while the edge itself is replaced."""
        return f"{self.edge_container}-next"

    @property
    def sockets_container(self) -> str:
        """The container that holds the edge's listening sockets, so that they outlive every nginx."""
        return f"{self.edge_container}-sockets"

    @property
    def desk_container(self) -> str:
        return f"{self.edge_container}-desk"

    @property
    def observability_project(self) -> str:
        """A Compose project of its own, so that whatever happens to it touches no database and no edge."""
        return f"{self.durable_project.removesuffix('-durable')}-observability"

    @property
    def observability_prefix(self) -> str:
        return f"echobase-{self.name}-observability"

    @property
    def observability_gateway(self) -> str:
        """The address from which the edge's requests come to a tool."""
        return f"{_prefix(self.observability_network.subnet)}.1"

    def observability_container(self, service: str) -> str:
        return f"{self.observability_prefix}-{service}"

    def observability_volume(self, service: str) -> str:
        return f"{self.observability_container(service)}-data"

    @property
    def client_cookie(self) -> str:
        """Cookies ignore ports: without the environment's name, devlocal and ci on one host would overwrite each other's."""
        return f"echobase_{self._word}_client"

    @property
    def preview_cookie(self) -> str:
        return f"echobase_{self._word}_preview"

    @property
    def operator_cookie(self) -> str:
        return f"echobase_{self._word}_operator"

    @property
    def _word(self) -> str:
        """The name as part of a cookie's: nginx reads cookies through variables, and those have no hyphens."""
        return self.name.replace("-", "_")

    @property
    def cloud_access_key(self) -> str:
        """The name that goes with the secret key of the environment's cloud emulators: letters and digits only, as AWS gives them."""
        return f"ECHOBASE{self.name.replace('-', '').upper()}"

    @property
    def ports(self) -> dict[str, int]:
        replicas = {f"{service}_replica": port + REPLICA_PORTS for service, port in self.server_ports.items()}
        return {
            **self.server_ports,
            **replicas,
            **self.replica_ports,
            "redis": self.redis_port,
            "edge": self.edge_port,
            "operators": self.operators_port,
        }

    @property
    def public_url(self) -> str:
        """The public entrance, for a browser: by its public name, else on the host itself."""
        return _url(self.public_name, self.edge_port)

    @property
    def operators_url(self) -> str:
        """The operators' entrance, for a browser."""
        return _url(self.public_name, self.operators_port)

    @property
    def public_name(self) -> str:
        return self.public_names[0] if self.public_names else "localhost"

    @property
    def networks(self) -> tuple[Network, ...]:
        own = [network for colour in self.colours.values() for network in (colour.network, colour.cloud_network)]
        return (self.durable_network, self.edge_network, self.observability_network, *own)

    def colour(self, name: str) -> Colour:
        if name not in self.colours:
            raise Refusal(f"unknown colour '{name}'", f"choose one of {', '.join(COLOURS)}")
        return self.colours[name]

    def other(self, name: str) -> Colour:
        self.colour(name)
        return next(colour for colour in self.colours.values() if colour.name != name)

    @property
    def public_authority_file(self) -> str:
        """The authority's certificate. It lies beside the environment's folder, which only its owner enters: every client may read it."""
        return f"{self.home}-ca.crt"

    def path(self, *parts: str) -> str:
        return "/".join((self.home, *parts))


def local_url(port: int) -> str:
    return _url("localhost", port)


def _url(name: str, port: int) -> str:
    host = f"[{name}]" if ":" in name else name
    return f"https://{host}" if port == 443 else f"https://{host}:{port}"


def environment(
    name: str, home: str = "", network_prefix: str = "", placement: Placement | None = None, public_names: Iterable[str] = ()
) -> Environment:
    """`home` is the folder above the environment's own; empty values mean the defaults."""
    layout = layout_of(name, replace(placement or Placement(), network_prefix=network_prefix))
    subnets = [_prefix(str(subnet)) for subnet in layout.subnets.subnets(new_prefix=24)]
    durable, edge, observability = subnets[0], subnets[1], subnets[6]
    colours = {}
    for position, colour in enumerate(COLOURS):
        stack = layout.stacks[colour]
        own, cloud = subnets[2 + position], subnets[4 + position]
        colours[colour] = Colour(
            name=colour,
            project=stack.project,
            container_prefix=stack.container_prefix,
            network=Network(f"{stack.project}-network", f"{own}.0/24"),
            cloud_network=Network(stack.cloud_network, f"{cloud}.0/24"),
            offset=stack.offset,
            edge_addresses=tuple(f"{edge}.{_EDGE_HOSTS[colour] + place}" for place in range(MOST_ROUTED)),
            inside_addresses=tuple(f"{own}.{_EDGE_HOSTS[colour] + place}" for place in range(MOST_ROUTED)),
        )
    env = Environment(
        name=name,
        home=f"{(home or DEFAULT_HOME).rstrip('/')}/{name}",
        durable_project=layout.durable_project,
        server_ports={place.service: layout.ports[place.service] for place in ENGINES.values()},
        redis_port=layout.ports["redis"],
        edge_port=layout.ports["edge"],
        operators_port=layout.ports["operators"],
        durable_network=Network(f"echobase-{name}-durable-network", f"{durable}.0/24"),
        edge_network=Network(f"echobase-{name}-edge-network", f"{edge}.0/24", is_closed=True),
        desk_address=f"{edge}.{_DESK_HOST}",
        edge_address=f"{edge}.1",
        observability_network=Network(f"echobase-{name}-observability-network", f"{observability}.0/24"),
        collector_address=f"{durable}.{_COLLECTOR_HOST}",
        desk_observed_address=f"{observability}.{_OBSERVED_DESK_HOST}",
        colours=colours,
        tools={tool: Tool(tool, f"{observability}.{host}", port) for tool, (host, port) in TOOLS.items()},
        index=layout.index,
        subnets=str(layout.subnets),
        replica_ports={name: port for name, port in layout.ports.items() if name.endswith("_replica")},
        public_names=tuple(public_names),
    )
    _refuse_equal_ports(env)
    return env


def _prefix(subnet: str) -> str:
    """The octets that all addresses of a subnet of 256 have in common."""
    return subnet.rpartition(".")[0]


def _refuse_equal_ports(env: Environment) -> None:
    if len({colour.offset for colour in env.colours.values()}) < len(env.colours):
        raise Refusal(
            f"environment {env.name} has one offset for both colours, so that their ports would be the same",
            "give one of them another in echobase_ports",
        )
    seen: dict[int, str] = {}
    for what, port in env.ports.items():
        if port in seen:
            raise Refusal(
                f"environment {env.name} has port {port} twice, for {seen[port]} and for {what}",
                "give one of them another in echobase_ports",
            )
        seen[port] = what


def as_facts(env: Environment) -> dict[str, Any]:
    """The same as plain data, derived names included, for playbooks and templates."""
    facts = asdict(env)
    facts["databases"] = {engine: asdict(env.server(engine)) for engine in ENGINES}
    facts["replicas"] = {engine: asdict(env.replica(engine)) for engine in ENGINES}
    facts["cache"] = {**asdict(env.cache), "tls_name": env.cache.tls_name}
    facts["users"] = {"database": DATABASE, "nginx": NGINX, "application": APPLICATION, "observer": OBSERVER}
    facts["authority_file"] = AUTHORITY_FILE
    for name, tool in env.tools.items():
        facts["tools"][name]["tls_name"] = tool.tls_name
    for name in _DERIVED:
        facts[name] = getattr(env, name)
    for name, colour in env.colours.items():
        facts["colours"][name]["tls_name"] = colour.tls_name
    return facts
