"""Everything about an environment's traffic at a glance: table, edge and colours, asked side by side."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.colours.containers import Container, containers_of, problem_with
from ansible_collections.echobase.platform.plugins.module_utils.colours.health import ColourHealth, Endpoints, Probe, probe
from ansible_collections.echobase.platform.plugins.module_utils.colours.in_flight import InFlight
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import docker_client
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Colour, Environment
from ansible_collections.echobase.platform.plugins.module_utils.host.https_client import HttpsClient
from ansible_collections.echobase.platform.plugins.module_utils.traffic.agreement import EdgeMemory, Proposal
from ansible_collections.echobase.platform.plugins.module_utils.traffic.generation import NOTHING, Generation
from ansible_collections.echobase.platform.plugins.module_utils.traffic.nginx_routes import NginxRoutes

_TIMEOUT = 2


@dataclass(frozen=True)
class Table:
    generation: Generation
    problem: str = ""
    undecided: Proposal | None = None


class BluegreenInfo:
    def __init__(self, env: Environment) -> None:
        self._env = env

    def collect(self, tolerate_broken_table: bool = False) -> dict[str, Any]:
        table = self._table(tolerate_broken_table)
        weights = table.generation.weights
        containers = containers_of(docker_client(), self._env.colours.values())
        with ThreadPoolExecutor(1 + len(containers)) as pool:
            edge = pool.submit(self._edge)
            colours = {name: pool.submit(self._colour, colour, containers[name]) for name, colour in self._env.colours.items()}
        return {
            "weights": weights.as_dict(),
            "generation": table.generation.number,
            "live": weights.live,
            "idle": weights.idle,
            "candidate": table.generation.candidate,
            "stable": table.generation.stable,
            "maintenance": table.generation.maintenance,
            "undecided": table.undecided.as_dict() if table.undecided else {},
            "table": {"readable": not table.problem, "problem": table.problem},
            "edge": edge.result(),
            "colours": {name: colour.result() for name, colour in colours.items()},
        }

    def _table(self, tolerate_broken: bool) -> Table:
        """Before an environment is set up there is no table, and that is no problem."""
        folder = self._env.path("routes")
        router = NginxRoutes(folder)
        try:
            undecided = EdgeMemory(folder).undecided
            return Table(router.current() if router.exists() else NOTHING, undecided=undecided)
        except Refusal as refusal:
            if not tolerate_broken:
                raise
            return Table(NOTHING, str(refusal))

    def _edge(self) -> dict[str, Any]:
        client = HttpsClient("127.0.0.1", self._env.edge_port, self._env.path("tls", "ca.crt"), timeout=_TIMEOUT, tls_name="localhost")
        try:
            answer = probe(client, "/edge/ready")
        except Refusal:
            answer = Probe("", "not asked, there is no certificate authority yet")
        # The edge answers, whatever the status of its answer is.
        return {
            "container": self._env.edge_container,
            "running": bool(answer.headers),
            "ready": not answer.problem,
            "problem": answer.problem,
        }

    def _colour(self, colour: Colour, containers: list[Container]) -> dict[str, Any]:
        problem = problem_with(colour, containers)
        answers, in_flight = ([], InFlight()) if problem else self._ask(colour)
        problems = [problem] if problem else [f"{answer.url} {answer.problem}" for answer in answers if answer.problem]
        gateway = answers[0].body if answers else {}
        labelled = next((container.release for container in containers if container.release), "")
        return {
            "project": colour.project,
            "containers": [asdict(container) for container in containers],
            "running": not problem,
            "ready": not problems,
            "problem": "; ".join(problems),
            "release": str(gateway.get("release") or labelled),
            "version": str(gateway.get("version") or labelled.rpartition("-")[0]),
            "schema": gateway.get("schema"),
            "dead_letters": gateway.get("dead_letters"),
            "in_flight": {"gateway": in_flight.gateway, "frontend": in_flight.frontend},
        }

    def _ask(self, colour: Colour) -> tuple[list[Probe], InFlight]:
        health = ColourHealth(Endpoints.of(colour), self._env.path("tls", "ca.crt"), _TIMEOUT)
        with ThreadPoolExecutor(1) as pool:
            in_flight = pool.submit(InFlight.asked, health)
            try:
                answers = health.readiness()
            except Refusal as refusal:
                answers = [Probe("", refusal.cause)]
        return answers, in_flight.result()
