"""The Compose project of one colour, made from an application's definition: names, networks, ports, secrets and limits of its own."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Network
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.application.access import SCHEMA_SECRETS, SECRETS, Server, told
from ansible_collections.echobase.platform.plugins.module_utils.application.config_files import config_files
from ansible_collections.echobase.platform.plugins.module_utils.application.definition import Definition
from ansible_collections.echobase.platform.plugins.module_utils.application.problems import Problem
from ansible_collections.echobase.platform.plugins.module_utils.environment.inside import APPLICATION, AUTHORITY_FILE
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Colour, Environment

# Compose puts these in where the file says ${ECHOBASE_…}, before it is known for which colour; here they get their values.
PLACEHOLDERS = {
    "ECHOBASE_ENV": "echobase-the-environment",
    "ECHOBASE_COLOUR": "echobase-the-colour",
    "ECHOBASE_RELEASE": "echobase-the-release",
    "ECHOBASE_VERSION": "echobase-the-version",
}
CERTIFICATE_FOLDER = "/run/tls"
JOBS_PROFILE = "jobs"
_SECONDS_TO_STOP = "30s"
_PROCESSES = 512
# What Compose itself has resolved, what is ours to say, and what both colours cannot have.
_LEFT_OUT = (
    "build",
    "container_name",
    "deploy",
    "logging",
    "networks",
    "ports",
    "profiles",
    "restart",
    "scale",
    "secrets",
    "volumes",
    "depends_on",
    "develop",
    "env_file",
    "labels",
    "environment",
)


@dataclass(frozen=True)
class ColourPlace:
    """Where and as what a definition is deployed."""

    env: Environment
    colour: Colour
    release: str
    version: str
    # The image of each service.
    images: Mapping[str, str]
    # The value of the label that tells what a container was made from.
    configuration: str = ""
    memory: str = "512m"
    # Where programs send what they have to tell; empty means that nobody listens.
    telemetry: str = ""
    # Whether a developer asked for ways without TLS.
    plain_ports: bool = False
    database: Server | None = None
    # The same with the account that may change the schema.
    migrator: Server | None = None
    cache: Server | None = None
    # Secrets that a program reads from variables.
    secrets: Mapping[str, str] = field(default_factory=dict)


def colour_project(definition: Definition, place: ColourPlace) -> dict[str, Any]:
    made = _Project(definition, place)
    return {
        "name": place.colour.project,
        "services": made.services(),
        "networks": made.networks(),
        **({"volumes": volumes} if (volumes := made.volumes()) else {}),
        **({"configs": configs} if (configs := made.configs()) else {}),
    }


def as_text(project: Mapping[str, Any], place: ColourPlace) -> str:
    """JSON, which is YAML, too. Placeholders of variables get their values in it."""
    text = json.dumps(project, indent=1) + "\n"
    values = {
        "ECHOBASE_ENV": place.env.name,
        "ECHOBASE_COLOUR": place.colour.name,
        "ECHOBASE_RELEASE": place.release,
        "ECHOBASE_VERSION": place.version,
    }
    for name, placeholder in PLACEHOLDERS.items():
        text = text.replace(placeholder, values[name])
    return text


class _Project:
    def __init__(self, definition: Definition, place: ColourPlace) -> None:
        self._definition = definition
        self._settings = definition.settings
        self._place = place
        self._env = place.env
        self._colour = place.colour

    def services(self) -> dict[str, Any]:
        running = {self._colour.host(name): self._running(name, spec) for name, spec in self._definition.services.items()}
        jobs = {self._colour.host(name): self._job(name, spec) for name, spec in self._definition.jobs.items()}
        return running | jobs

    def networks(self) -> dict[str, Any]:
        # Addresses that services have for themselves are never given to others.
        given_away = str(list(IPv4Network(self._colour.network.subnet).subnets(1))[1])
        config = {"subnet": self._colour.network.subnet, "ip_range": given_away}
        own = {"name": self._colour.network.name, "ipam": {"config": [config]}}
        # The second network has a subnet of the environment's, too; the engine finds one for any other.
        subnets = iter([self._colour.cloud_network.subnet])
        found: dict[str, Any] = {}
        for name, given in (self._definition.project.get("networks") or {}).items():
            kept = {key: value for key, value in (given or {}).items() if key in ("internal", "driver_opts", "enable_ipv6", "attachable")}
            if name == "default":
                found[name] = own | kept
            else:
                subnet = next(subnets, "")
                place = {"ipam": {"config": [{"subnet": subnet}]}} if subnet else {}
                found[name] = {"name": self._colour.further_network(name), **place, **kept}
        return {
            **found,
            "durable": {"name": self._env.durable_network.name, "external": True},
            "edge": {"name": self._env.edge_network.name, "external": True},
        }

    def volumes(self) -> dict[str, Any]:
        return {name: self._volume(name, kind) for name, kind in self._settings.volumes.items()}

    def configs(self) -> dict[str, Any]:
        return config_files(self._env, self._definition.project)

    def _volume(self, name: str, kind: str) -> dict[str, Any]:
        if kind == "shared":
            return {"name": shared_volume(self._env, name), "external": True}
        return {"name": f"{self._colour.container_prefix}-{name}-data"}

    def _running(self, name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
        service = self._container(name, spec)
        service["container_name"] = self._colour.container(name)
        service["restart"] = spec.get("restart") if spec.get("restart") not in (None, "no", "") else "unless-stopped"
        service["networks"] = self._networks_of(name, spec)
        if ports := [self._port(port) for port in (*(spec.get("ports") or ()), *self._plain_port(name))]:
            service["ports"] = ports
        running = self._definition.services
        waits = {self._colour.host(other): how for other, how in (spec.get("depends_on") or {}).items() if other in running}
        if waits:
            service["depends_on"] = waits
        return service

    def _job(self, name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
        service = self._container(name, spec, migrates=name in self._migrating_jobs)
        service |= {"profiles": [JOBS_PROFILE], "restart": "no", "networks": self._networks_of(name, spec)}
        service.pop("healthcheck", None)
        return service

    @property
    def _migrating_jobs(self) -> set[str]:
        return {service for job, service in self._settings.jobs.items() if job in ("schema", "expand", "contract")}

    def _container(self, name: str, spec: Mapping[str, Any], migrates: bool = False) -> dict[str, Any]:
        kept = {key: value for key, value in spec.items() if key not in _LEFT_OUT and value is not None}
        limits = ((spec.get("deploy") or {}).get("resources") or {}).get("limits") or {}
        if limits.get("cpus"):
            kept.setdefault("cpus", limits["cpus"])
        kept.setdefault("mem_limit", limits.get("memory") or self._place.memory)
        kept.setdefault("pids_limit", limits.get("pids") or _PROCESSES)
        kept.setdefault("stop_grace_period", _SECONDS_TO_STOP)
        options = [str(option) for option in kept.get("security_opt") or ()]
        groups = [str(group) for group in kept.get("group_add") or ()]
        database = self._database_of(name, migrates)
        if database and database.address:
            kept["extra_hosts"] = [*(kept.get("extra_hosts") or ()), f"{database.host}:{database.address}"]
        return {
            **kept,
            "image": self._place.images[name],
            # The environment's files for programs are readable for this group; whoever a program runs as.
            "group_add": [*groups, *([] if str(APPLICATION) in groups else [str(APPLICATION)])],
            "security_opt": [*options, *([] if any("no-new-privileges" in option for option in options) else ["no-new-privileges:true"])],
            "environment": self._environment_of(name, spec, migrates),
            "volumes": [*self._mounts_of(spec), *self._own_mounts(name, spec, migrates)],
            "labels": {**self._labels_of(spec), **self._own_labels()},
            "logging": {
                "driver": "json-file",
                # With each line comes whose it is: what watches the environment reads the lines of its own containers alone.
                "options": {"max-size": "10m", "max-file": "3", "labels": "io.echobase.environment,com.docker.compose.service"},
            },
        }

    def _own_labels(self) -> dict[str, str]:
        return {
            "io.echobase.environment": self._env.name,
            "io.echobase.colour": self._colour.name,
            "io.echobase.release": self._place.release,
            "io.echobase.configuration": self._place.configuration,
        }

    def _labels_of(self, spec: Mapping[str, Any]) -> dict[str, str]:
        return {str(key): str(value) for key, value in (spec.get("labels") or {}).items()}

    def _environment_of(self, name: str, spec: Mapping[str, Any], migrates: bool) -> dict[str, str]:
        given = {key: str(value) for key, value in (spec.get("environment") or {}).items() if value is not None}
        ours = {
            "ECHOBASE_ENV": self._env.name,
            "ECHOBASE_COLOUR": self._colour.name,
            "ECHOBASE_RELEASE": self._place.release,
            "ECHOBASE_VERSION": self._place.version,
            # Whoever calls from one of these says truly who the customer is.
            "ECHOBASE_TRUSTED_PROXIES": ",".join((self._env.edge_address, *self._routed_inside)),
            # The other colour is there, too: nothing has to be served to it.
            "ECHOBASE_DURABLE_NETWORK": self._env.durable_network.subnet,
        }
        ours |= {
            f"ECHOBASE_PUBLISHED_{port['target']}": str(self._published(port)) for port in spec.get("ports") or () if port.get("published")
        }
        defaults = self._telemetry_of(name)
        for port in self._plain_port(name):
            defaults["PLAIN_PORT"] = str(port["target"])
        if self._speaks_tls(name):
            defaults |= {"TLS_CERT_FILE": f"{CERTIFICATE_FOLDER}/tls.crt", "TLS_KEY_FILE": f"{CERTIFICATE_FOLDER}/tls.key"}
        server = self._database_of(name, migrates)
        if self._settings.database and server:
            ours |= told(self._settings.database, server)
        if self._settings.cache and self._place.cache and (not self._settings.cache.services or name in self._settings.cache.services):
            ours |= told(self._settings.cache, self._place.cache)
        for secret in self._settings.secrets:
            ours[f"{secret}_FILE"] = f"{SECRETS}/{secret}"
        ours |= {secret: self._place.secrets[secret] for secret in self._settings.secret_variables}
        return {**defaults, **given, **{key: value.replace("$", "$$") for key, value in ours.items()}}

    def _database_of(self, name: str, migrates: bool) -> Server | None:
        """The database that a service is told of, as whoever it may be there; None where it is not told."""
        database, server = self._settings.database, self._place.migrator if migrates else self._place.database
        if self._changes_schema(name) and self._place.migrator:
            server = replace(self._place.migrator, folder=SCHEMA_SECRETS)
        return server if database and (not database.services or name in database.services) else None

    def _telemetry_of(self, name: str) -> dict[str, str]:
        """What OpenTelemetry's SDK of any language reads."""
        if not self._place.telemetry or name in self._settings.apart:
            return {"OTEL_SDK_DISABLED": "true"}
        who = {"deployment.environment.name": self._env.name, "echobase.colour": self._colour.name, "echobase.release": self._place.release}
        return {
            "OTEL_SERVICE_NAME": name,
            "OTEL_EXPORTER_OTLP_ENDPOINT": self._place.telemetry,
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_EXPORTER_OTLP_CERTIFICATE": AUTHORITY_FILE,
            "OTEL_RESOURCE_ATTRIBUTES": ",".join(f"{key}={value}" for key, value in who.items()),
            "OTEL_SEMCONV_STABILITY_OPT_IN": "http,database",
            # An event is found within seconds of when it happened.
            "OTEL_BSP_SCHEDULE_DELAY": "1000",
            "OTEL_BLRP_SCHEDULE_DELAY": "1000",
            "OTEL_METRIC_EXPORT_INTERVAL": "10000",
        }

    def _mounts_of(self, spec: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
        return [dict(mount) for mount in spec.get("volumes") or ()]

    def _own_mounts(self, name: str, spec: Mapping[str, Any], migrates: bool) -> list[dict[str, Any]]:
        folder = "migrate" if migrates else self._settings.secret_folders.get(name, "app")
        mounts = [(self._env.path("tls", "ca.crt"), AUTHORITY_FILE)]
        database = self._database_of(name, migrates)
        if database and database.authority:
            mounts.append((database.authority, database.authority_file))
        if self._speaks_tls(name):
            mounts.append((self._env.path("tls", self._colour.name), CERTIFICATE_FOLDER))
        if self._has_secrets(name) or spec.get("secrets"):
            mounts.append((self._env.path("secrets", folder), SECRETS))
        if self._changes_schema(name):
            mounts.append((self._env.path("secrets", "migrate"), SCHEMA_SECRETS))
        for secret in spec.get("secrets") or ():
            # Where Compose puts it by itself, the folder of all secrets is.
            target = str(secret.get("target") or "")
            if target.startswith("/") and not target.startswith(f"{SECRETS}/"):
                mounts.append((self._env.path("secrets", folder, str(secret["source"])), target))
        return [
            {"type": "bind", "source": source, "target": target, "read_only": True, "bind": {"create_host_path": False}}
            for source, target in mounts
        ]

    def _has_secrets(self, name: str) -> bool:
        access = [one for one in (self._settings.database, self._settings.cache) if one]
        return (
            name in self._settings.secret_folders
            or bool(self._settings.secrets)
            or any(not one.services or name in one.services for one in access)
        )

    def _changes_schema(self, name: str) -> bool:
        return self._settings.database is not None and name in self._settings.database.changes_schema

    def _speaks_tls(self, name: str) -> bool:
        return any(route.tls for route in self._settings.routes if route.service == name)

    @property
    def _routed_inside(self) -> tuple[str, ...]:
        return self._colour.inside_addresses[: len(self._settings.routed)]

    def _networks_of(self, name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
        """Plain names are known in the colour's own networks alone: names that two colours share would mean both."""
        own = spec.get("networks") or ({} if spec.get("network_mode") == "none" else {"default": None})
        found: dict[str, Any] = {}
        for network, options in own.items():
            found[network] = {"aliases": [name, *((options or {}).get("aliases") or ())]}
        routed = self._settings.routed
        if name in routed:
            place = routed.index(name)
            if "default" in found:
                found["default"]["ipv4_address"] = self._colour.inside_addresses[place]
            found["edge"] = {"ipv4_address": self._colour.edge_addresses[place]}
        if found and name not in self._settings.apart:
            found["durable"] = {}
        return found

    def _port(self, port: Mapping[str, Any]) -> dict[str, Any]:
        """Only this machine reaches a colour by itself; customers come through the edge."""
        moved = {"published": str(self._published(port))} if port.get("published") else {}
        return {"target": port["target"], "host_ip": "127.0.0.1", "protocol": port.get("protocol", "tcp"), "mode": "host", **moved}

    def _plain_port(self, name: str) -> list[dict[str, Any]]:
        ports = self._settings.plain_ports.get(name, "") if self._place.plain_ports else ""
        published, _separator, target = ports.partition(":")
        return [{"target": int(target), "published": published}] if ports else []

    def _published(self, port: Mapping[str, Any]) -> int:
        return int(port["published"]) + self._colour.offset


def port_clashes(definition: Definition, env: Environment) -> list[Problem]:
    """Ports that two services, two colours or the durable layer would have at the same time on this machine."""
    taken = {port: f"the environment's {what}" for what, port in env.ports.items()}
    problems = []
    for colour in env.colours.values():
        for name, number in published_ports(definition, colour):
            if number in taken:
                problems.append(
                    Problem(
                        f"services.{name}.ports",
                        f"{number - colour.offset} becomes {number} in {colour.name}, which {taken[number]} has",
                        "publish another one, or none: customers come through the edge",
                    )
                )
            taken.setdefault(number, f"{name} of {colour.name}")
    return problems


def published_ports(definition: Definition, colour: Colour) -> list[tuple[str, int]]:
    """Each service with a port that it has on this machine."""
    return [
        (name, int(port["published"]) + colour.offset)
        for name, service in definition.services.items()
        for port in service.get("ports") or ()
        if port.get("published")
    ]


def shared_volume(env: Environment, name: str) -> str:
    return f"echobase-{env.name}-durable-{name}-data"
