"""A release at work on a copy of the database: all of its services, without a colour's ports, traffic, cache and volumes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible_collections.echobase.platform.plugins.module_utils.application.colour_project import ColourPlace, as_text, colour_project
from ansible_collections.echobase.platform.plugins.module_utils.application.config_files import write_config_files
from ansible_collections.echobase.platform.plugins.module_utils.application.stored import Deployed
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.base.waiting import looks
from ansible_collections.echobase.platform.plugins.module_utils.colours.endpoints import Endpoint
from ansible_collections.echobase.platform.plugins.module_utils.colours.health import ColourHealth
from ansible_collections.echobase.platform.plugins.module_utils.colours.job_service import place_of
from ansible_collections.echobase.platform.plugins.module_utils.colours.smoke_job import JOB, SmokeJob
from ansible_collections.echobase.platform.plugins.module_utils.containers.one_off import OneOff
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment
from ansible_collections.echobase.platform.plugins.module_utils.migrations.job import ReachableDatabase
from ansible_collections.echobase.platform.plugins.module_utils.migrations.stand_in_edge import stand_in_edge

if TYPE_CHECKING:
    from docker import DockerClient

# This is no colour's name: a release on a copy must not handle what waits for a colour.
REHEARSAL_COLOUR = "rehearsal"
# Whose certificate its services show.
_CERTIFICATE_OF = "blue"
_READY_SECONDS = 120.0


@dataclass(frozen=True)
class ReleaseOnCopy:
    docker: DockerClient
    env: Environment
    release: Deployed
    database: ReachableDatabase

    def prove(self) -> list[str]:
        """Gives the steps that passed: its own smoke job's, or that it got ready. All of the release is removed in the end."""
        remedy = "correct the release or the migration"
        with self._running() as hosts:
            if JOB not in self.release.definition.settings.jobs:
                return ["readiness"]
            tls = Path(self.env.path("tls", _CERTIFICATE_OF))
            with stand_in_edge(self.release.definition.settings, hosts, tls) as port:
                url = f"https://localhost:{port}"
                told = SmokeJob(self.env, self.release, REHEARSAL_COLOUR, url, release=self.release.release).run("write", remedy)
        return [str(step) for step in told.get("passed", ["the smoke job"])]

    @contextmanager
    def _running(self) -> Iterator[Mapping[str, str]]:
        """Gives the addresses of the services that customers reach, once they are ready."""
        place = self._place()
        write_config_files(place.env, self.release.definition.project)
        project = OneOff(
            place.colour.project,
            as_text(on_copy(colour_project(self.release.definition, place), place, self.database), place),
            seconds=_READY_SECONDS,
        )
        # What a killed run left of it.
        project.down()
        try:
            started = project.up()
            hosts = self._hosts(place) if started.code == 0 else {}
            problem = self._problem(hosts) if hosts else f"its containers do not: {started.reason}"
            if problem:
                said = " | ".join(project.logs(4)[-8:])
                raise Refusal(
                    f"release {self.release.release} does not get ready: {problem}; its last words: {said}",
                    "correct the release or the migration",
                )
            yield hosts
        finally:
            project.down()

    def _place(self) -> ColourPlace:
        place = self.database.told_to(place_of(self.env, self.release, self.database.engine, colour=_CERTIFICATE_OF))
        # Named by its network, of which there is one for each copy.
        name = f"echobase-{self.env.name}-rehearsal-{hashlib.sha256(self.database.network.encode()).hexdigest()[:6]}"
        return replace(place, colour=replace(place.colour, name=REHEARSAL_COLOUR, project=name, container_prefix=name))

    def _hosts(self, place: ColourPlace) -> dict[str, str]:
        return {
            service: next(iter(_addresses(self.docker.api.inspect_container(place.colour.container(service)))))
            for service in self.release.definition.settings.routed
        }

    def _problem(self, hosts: Mapping[str, str]) -> str:
        settings = self.release.definition.settings
        endpoints = [
            Endpoint(service, host, settings.route_of(service).port, not settings.route_of(service).tls, settings.ready.get(service, ""))
            for service, host in hosts.items()
        ]
        tls_name = self.env.colour(_CERTIFICATE_OF).tls_name
        health = ColourHealth(endpoints, tls_name, self.env.path("tls", "ca.crt"), timeout=5)
        problems: list[str] = []
        for _look in looks(_READY_SECONDS):
            problems = [f"{probe.url} {probe.problem}" for probe in health.readiness() if probe.problem]
            if not problems:
                break
        return "; ".join(problems)


def on_copy(project: Mapping[str, Any], place: ColourPlace, database: ReachableDatabase) -> dict[str, Any]:
    """A colour's project as one that touches nothing of the environment but the copy: networks and volumes of its own, no ports or jobs."""
    services = {name: _service(service, place) for name, service in project["services"].items() if "profiles" not in service}
    own = {
        name: {key: value for key, value in network.items() if key not in ("name", "ipam")} for name, network in project["networks"].items()
    }
    volumes: dict[str, Any] = {"volumes": {name: {} for name in project["volumes"]}} if "volumes" in project else {}
    return {
        **project,
        "services": services,
        "networks": {
            **{name: network for name, network in own.items() if name not in ("durable", "edge")},
            "durable": {"name": database.network, "external": True},
        },
        **volumes,
    }


def _service(service: Mapping[str, Any], place: ColourPlace) -> dict[str, Any]:
    networks = {name: _floating(options) for name, options in service.get("networks", {}).items() if name != "edge"}
    certificate, there = (place.env.path("tls", name) for name in (place.colour.name, _CERTIFICATE_OF))
    mounts = [{**mount, "source": there} if mount.get("source") == certificate else mount for mount in service["volumes"]]
    kept = {key: value for key, value in service.items() if key != "ports"}
    return {**kept, "networks": networks, "volumes": mounts, "pull_policy": "never"}


def _floating(options: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in options.items() if key != "ipv4_address"}


def _addresses(container: Mapping[str, Any]) -> Iterator[str]:
    for network in container["NetworkSettings"]["Networks"].values():
        if network["IPAddress"]:
            yield str(network["IPAddress"])
