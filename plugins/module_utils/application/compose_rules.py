"""What a Compose file may say when there are two copies of everything, and what is done otherwise than it says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.application.access import SECRETS
from ansible_collections.echobase.platform.plugins.module_utils.application.problems import Note, Problem
from ansible_collections.echobase.platform.plugins.module_utils.application.settings import BLOCK

_ENGINE_SOCKETS = ("/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock", "/run/podman/podman.sock")
# With one of these a container is as good as root on the host.
_HOST_POWERS = ("ALL", "SYS_ADMIN", "SYS_MODULE", "SYS_PTRACE", "SYS_RAWIO", "DAC_READ_SEARCH", "BPF")
# Files that every application finds among its secrets.
_OURS = ("db_password", "cache_password", "cloud_credentials", "token_key", "token_keys")
_NAMESPACES = ("pid", "ipc", "uts", "userns_mode", "cgroup")
# Keys of a service that reach outside its colour in a way that nothing could keep apart.
_REACHES_OUT = {
    "cgroup_parent": "leave it out: limits are given by mem_limit, cpus and pids_limit",
    "device_cgroup_rules": "leave it out",
    "devices": "leave it out: a device belongs to one container at a time",
    "external_links": "name a service of this file, or an address outside in an environment variable",
    "links": "leave it out: services reach each other by their names",
    "volumes_from": "name the volume in both services",
    "credential_spec": "leave it out",
    "isolation": "leave it out",
}


def problems_of(project: Mapping[str, Any], volumes: Mapping[str, str], may_mount_folders: bool = False) -> Iterator[Problem]:
    """`volumes` is what the block says about named volumes. Only a working tree may mount folders of the machine."""
    for name, service in project.get("services", {}).items():
        yield from _service_problems(f"services.{name}", service)
        for mount in service.get("volumes") or ():
            yield from _mount_problems(f"services.{name}.volumes", mount, volumes, project.get("volumes") or {}, may_mount_folders)
    for name, network in (project.get("networks") or {}).items():
        if (network or {}).get("external"):
            yield Problem(
                f"networks.{name}.external",
                "a network of somebody else joins the colours",
                "leave `external` out, or reach that service by an address",
            )
    for name in volumes:
        if name not in (project.get("volumes") or {}):
            yield Problem(
                f"{BLOCK}.volumes.{name}", "there is no such volume", f"choose from {', '.join(project.get('volumes') or {}) or 'none'}"
            )
    for name, secret in (project.get("secrets") or {}).items():
        if (secret or {}).get("external"):
            yield Problem(
                f"secrets.{name}.external",
                "there is no store of secrets to take it from",
                f"name it in {BLOCK}.secrets, which makes it once and keeps it",
            )
        elif not (secret or {}).get("file"):
            yield Problem(
                f"secrets.{name}",
                "it comes from the variables of whoever deploys",
                f"give a `file`, or name it in {BLOCK}.secrets, which makes it once and keeps it",
            )
        if name in _OURS:
            yield Problem(f"secrets.{name}", "the environment's own secret is called so", "give it another name")


def notes_of(project: Mapping[str, Any]) -> Iterator[Note]:
    for name, service in project.get("services", {}).items():
        where = f"services.{name}"
        if service.get("container_name"):
            yield Note(f"{where}.container_name", "each colour's container is named by its environment and colour")
        for port in service.get("ports") or ():
            if port.get("published"):
                yield Note(f"{where}.ports", f"{port['published']} is bound to 127.0.0.1, and in each colour moved by the colour's offset")
        if "logging" in service:
            yield Note(f"{where}.logging", "containers log to json-file, where what watches the environment reads")
        for network, options in (service.get("networks") or {}).items():
            if (options or {}).get("ipv4_address") or (options or {}).get("ipv6_address"):
                yield Note(f"{where}.networks.{network}", "fixed addresses are left out: two colours cannot both have one")
        if not service.get("healthcheck") and not service.get("profiles"):
            yield Note(f"{where}.healthcheck", "there is none, so a container that runs counts as ready")
    for name, network in (project.get("networks") or {}).items():
        if (network or {}).get("ipam", {}).get("config"):
            yield Note(f"networks.{name}.ipam", "each colour's networks have subnets of the environment's")


def _service_problems(where: str, service: Mapping[str, Any]) -> Iterator[Problem]:
    if service.get("privileged"):
        yield Problem(
            f"{where}.privileged", "the container would be root on the host", "leave it out, and add the one capability it needs in cap_add"
        )
    mode = str(service.get("network_mode") or "")
    if mode and mode != "none":
        yield Problem(
            f"{where}.network_mode", f"'{mode}' leaves the colour's own networks", "leave it out: services reach each other by their names"
        )
    for key in (key for key in _NAMESPACES if str(service.get(key) or "").startswith(("host", "container:", "service:"))):
        yield Problem(f"{where}.{key}", f"'{service[key]}' shares it with others", "leave it out")
    for power in service.get("cap_add") or ():
        if str(power).upper().removeprefix("CAP_") in _HOST_POWERS:
            yield Problem(
                f"{where}.cap_add",
                f"with {power} the container is as good as root on the host",
                "leave it out, or name a smaller capability",
            )
    for option in service.get("security_opt") or ():
        if "unconfined" in str(option):
            yield Problem(f"{where}.security_opt", f"'{option}' takes the engine's protection away", "leave it out")
    for key, remedy in _REACHES_OUT.items():
        if service.get(key):
            yield Problem(f"{where}.{key}", "reaches out of the colour", remedy)
    yield from _copies_problems(where, service)
    yield from _secret_problems(where, service)
    if not service.get("image") and not service.get("build"):
        yield Problem(where, "has neither an image nor a build section", "name one of them")


def _secret_problems(where: str, service: Mapping[str, Any]) -> Iterator[Problem]:
    for secret in service.get("secrets") or ():
        source, target = str(secret.get("source")), str(secret.get("target") or "")
        if target.startswith(f"{SECRETS}/") and target != f"{SECRETS}/{source}":
            yield Problem(f"{where}.secrets.{source}", f"its target is {target}", f"leave `target` out: it is {SECRETS}/{source}")


def _copies_problems(where: str, service: Mapping[str, Any]) -> Iterator[Problem]:
    copies = service.get("scale", (service.get("deploy") or {}).get("replicas", 1))
    if copies not in (None, 1, "1"):
        yield Problem(f"{where}.deploy.replicas", f"is {copies}", "leave it out: a colour has one container of each service")


def _mount_problems(
    where: str, mount: Mapping[str, Any], volumes: Mapping[str, str], known: Mapping[str, Any], may_mount_folders: bool
) -> Iterator[Problem]:
    source, target = str(mount.get("source") or ""), mount.get("target")
    if mount.get("type") == "bind":
        if source in _ENGINE_SOCKETS:
            yield Problem(where, f"{source} makes the container root on the host", "leave it out")
        elif not may_mount_folders:
            yield Problem(
                where,
                f"{target} is {source} of one machine",
                "copy what is needed into the image, name a small file in `configs`, or declare a volume",
            )
    elif mount.get("type") == "volume" and source and source not in volumes:
        external = (known.get(source) or {}).get("external")
        what = "is a volume of somebody else" if external else "would be written by both colours, or each would have data of its own"
        yield Problem(
            f"volumes.{source}",
            what,
            f"say `{BLOCK}: {{volumes: {{{source}: shared}}}}` for one that both colours use and no release removes, or `colour` for one"
            " that goes with its colour; a database belongs into the durable layer (database.instead_of)",
        )


def without(project: Mapping[str, Any], replaced: Sequence[str]) -> dict[str, Any]:
    """The project without the services whose place the durable layer takes, and without who waits for them."""
    services = {}
    for name, service in project.get("services", {}).items():
        if name not in replaced:
            waits = {other: how for other, how in (service.get("depends_on") or {}).items() if other not in replaced}
            services[name] = {**service, "depends_on": waits}
    used = {
        str(mount.get("source")) for service in services.values() for mount in service.get("volumes") or () if mount.get("type") == "volume"
    }
    volumes = {name: volume for name, volume in (project.get("volumes") or {}).items() if name in used}
    return {**project, "services": services, "volumes": volumes}
