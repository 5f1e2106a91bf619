"""What speaks against a colour getting traffic, and what it has still to answer."""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.echobase.platform.plugins.module_utils.application.definition import Definition
from ansible_collections.echobase.platform.plugins.module_utils.application.stored import StoredDefinitions
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.colours.containers import containers_of, problem_with
from ansible_collections.echobase.platform.plugins.module_utils.colours.endpoints import endpoints_of, unknown_origin
from ansible_collections.echobase.platform.plugins.module_utils.colours.health import ColourHealth
from ansible_collections.echobase.platform.plugins.module_utils.colours.in_flight import InFlight
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import docker_client
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment

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
        self._health: dict[str, ColourHealth] = {}

    def findings(self, name: str) -> list[str]:
        try:
            definition = self._definition(name)
            return self._missing(name, definition) or self._unhealthy(name, definition)
        except Refusal as refusal:
            return [str(refusal)]

    def in_flight(self, name: str) -> InFlight:
        """Asked many times in a row: where to ask is looked up once."""
        try:
            if name not in self._health:
                definition = self._definition(name)
                if definition is None and name not in self._endpoints:
                    return InFlight(problem=unknown_origin(name))
                self._health[name] = self._health_of(name, definition)
        except Refusal as refusal:
            return InFlight(problem=refusal.cause)
        return InFlight.asked(self._health[name])

    def _definition(self, name: str) -> Definition | None:
        deployed = StoredDefinitions(self._env).of(name)
        return deployed.definition if deployed else None

    def _missing(self, name: str, definition: Definition | None) -> list[str]:
        if name in self._endpoints:
            return []
        colour = self._env.colour(name)
        containers = containers_of(docker_client(), [colour])[name]
        if definition is None:
            return [unknown_origin(name) if containers else f"{name} has no containers"]
        settings = definition.settings
        if self._purpose == "rollback":
            problem = problem_with(colour, containers, settings.routed)
        else:
            problem = problem_with(colour, containers, list(definition.services), set(settings.routed) - set(settings.ready))
        return [problem] if problem else []

    def _unhealthy(self, name: str, definition: Definition | None) -> list[str]:
        health = self._health_of(name, definition)
        probes = health.liveness() if self._purpose == "rollback" else health.readiness()
        return [f"{probe.url} {probe.problem}" for probe in probes if probe.problem]

    def _health_of(self, name: str, definition: Definition | None) -> ColourHealth:
        colour = self._env.colour(name)
        endpoints = endpoints_of(colour, definition, self._endpoints.get(name))
        return ColourHealth(endpoints, colour.tls_name, self._env.path("tls", "ca.crt"), self._timeout)
