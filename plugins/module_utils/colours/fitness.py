"""What speaks against a colour getting traffic, and what it has still to answer."""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.colours.containers import SERVING, containers_of, problem_with
from ansible_collections.echobase.platform.plugins.module_utils.colours.health import ColourHealth, Endpoints
from ansible_collections.echobase.platform.plugins.module_utils.colours.in_flight import InFlight
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import docker_client
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import SERVICES, Environment

# The purpose of a switch decides what its target has to show.
PURPOSES = ("promote", "canary", "rollback")


class ColourFitness:
    """A colour whose endpoints are given is judged by them alone; its containers may be somewhere else."""

    def __init__(self, env: Environment, purpose: str, timeout: float, endpoints: Mapping[str, Mapping[str, str]]) -> None:
        for name in endpoints:
            env.colour(name)
        self._env = env
        self._purpose = purpose
        self._timeout = timeout
        self._endpoints = endpoints

    def findings(self, name: str) -> list[str]:
        try:
            return self._missing(name) or self._unhealthy(name)
        except Refusal as refusal:
            return [str(refusal)]

    def in_flight(self, name: str) -> InFlight:
        return InFlight.asked(self._health(name))

    def _missing(self, name: str) -> list[str]:
        if name in self._endpoints:
            return []
        colour = self._env.colour(name)
        services = SERVING if self._purpose == "rollback" else SERVICES
        problem = problem_with(colour, containers_of(docker_client(), [colour])[name], services)
        return [problem] if problem else []

    def _unhealthy(self, name: str) -> list[str]:
        health = self._health(name)
        probes = health.liveness() if self._purpose == "rollback" else health.readiness()
        return [f"{probe.url} {probe.problem}" for probe in probes if probe.problem]

    def _health(self, name: str) -> ColourHealth:
        endpoints = Endpoints.of(self._env.colour(name), self._endpoints.get(name))
        return ColourHealth(endpoints, self._env.path("tls", "ca.crt"), self._timeout)
