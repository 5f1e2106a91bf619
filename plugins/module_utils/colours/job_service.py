"""A job of an application as a Compose service that stands for itself: on the one network that it is told, with what it needs added."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.application.colour_project import ColourPlace, as_text, colour_project
from ansible_collections.echobase.platform.plugins.module_utils.application.config_files import config_files, write_config_files
from ansible_collections.echobase.platform.plugins.module_utils.application.place import colour_place
from ansible_collections.echobase.platform.plugins.module_utils.application.stored import Deployed
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment

# The name of the one service in the project of a job.
SERVICE = "job"
HOST_NETWORK = "host"
NO_NETWORK = "none"


def place_of(env: Environment, deployed: Deployed, engine: str = "", *, has_replica: bool = False, colour: str = "blue") -> ColourPlace:
    """Where a release is at work that is not one of the colours: nobody watches it, and it has no cache."""
    database = deployed.definition.settings.database
    options = {
        "engine": engine or (database.engine if database else "") or "mariadb",
        "has_replica": has_replica,
        "has_cache": True,
        "release": deployed.release,
        "version": deployed.version,
        "images": deployed.images,
        "memory": "512m",
        "telemetry_endpoint": "",
        "plain_ports": False,
    }
    return replace(colour_place(env, colour, deployed.definition, options), cache=None)


def job_project(
    deployed: Deployed,
    place: ColourPlace,
    job: str,
    network: str,
    *,
    variables: Mapping[str, str] | None = None,
    mounts: Mapping[str, str] | None = None,
) -> str:
    """`network` is the name of one that is there, or `host` or `none`; `mounts` has sources by target."""
    service: dict[str, Any] = dict(
        colour_project(deployed.definition, place)["services"][place.colour.host(deployed.definition.settings.jobs[job])]
    )
    for key in ("profiles", "networks", "restart"):
        service.pop(key, None)
    own = network not in (HOST_NETWORK, NO_NETWORK)
    place_in: dict[str, Any] = {"networks": {"there": {}}} if own else {"network_mode": network}
    service |= {
        # A registry is never asked for an image that only we can make.
        "pull_policy": "never",
        "init": True,
        "environment": {**service["environment"], **{key: value.replace("$", "$$") for key, value in (variables or {}).items()}},
        "volumes": [*service["volumes"], *({**_MOUNT, "source": source, "target": target} for target, source in (mounts or {}).items())],
        **place_in,
    }
    networks: dict[str, Any] = {"networks": {"there": {"name": network, "external": True}}} if own else {}
    volumes = colour_project(deployed.definition, place).get("volumes")
    named = {"volumes": volumes} if volumes and any(mount["type"] == "volume" for mount in service["volumes"]) else {}
    configs: dict[str, Any] = {}
    if service.get("configs"):
        write_config_files(place.env, deployed.definition.project)
        configs = {"configs": config_files(place.env, deployed.definition.project)}
    return as_text({"name": place.colour.project, "services": {SERVICE: service}, **networks, **named, **configs}, place)


def command_of(deployed: Deployed, job: str) -> list[str]:
    """The job's own command, to which arguments are added; empty where its image has one, or an entry point that reads them."""
    command = deployed.definition.jobs[deployed.definition.settings.jobs[job]].get("command") or []
    # In a Compose file, unlike on a command line, a dollar is written twice.
    return [part.replace("$$", "$") for part in ([command] if isinstance(command, str) else map(str, command))]


_MOUNT: dict[str, Any] = {"type": "bind", "read_only": True, "bind": {"create_host_path": False}}
