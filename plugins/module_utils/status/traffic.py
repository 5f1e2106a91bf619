"""Everything about an environment's traffic at a glance: table, edge and colours, asked side by side."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.application.definition import Definition
from ansible_collections.echobase.platform.plugins.module_utils.application.stored import StoredDefinitions
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.colours.containers import Container, containers_of, problem_with
from ansible_collections.echobase.platform.plugins.module_utils.colours.endpoints import endpoints_of, unknown_origin
from ansible_collections.echobase.platform.plugins.module_utils.colours.health import ColourHealth, Probe, probe
from ansible_collections.echobase.platform.plugins.module_utils.colours.in_flight import InFlight
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import docker_client
from ansible_collections.echobase.platform.plugins.module_utils.environment.ledger import Ledger
from ansible_collections.echobase.platform.plugins.module_utils.environment.release_history import ReleaseHistory
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
            "kept_closed": table.generation.maintenance and self._history(weights.live).is_closed,
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

    def _history(self, live: list[str]) -> ReleaseHistory:
        return ReleaseHistory(Ledger(Path(self._env.path("ledger.jsonl"))).entries(), live)

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
        definition, problem = self._definition(colour, containers)
        answers, in_flight = ([], InFlight()) if problem or definition is None else self._ask(colour, definition)
        problems = [problem] if problem else [f"{answer.url} {answer.problem}" for answer in answers if answer.problem]
        labelled = next((container.release for container in containers if container.release), "")
        return {
            "project": colour.project,
            "services": list(definition.services) if definition else [],
            "working_tree": definition is not None and definition.is_working_tree,
            "containers": [asdict(container) for container in containers],
            "running": not problem,
            "ready": not problems,
            "problem": "; ".join(problems),
            "release": str(_told(answers, "release") or labelled),
            "version": str(_told(answers, "version") or labelled.rpartition("-")[0]),
            "schema": _told(answers, "schema"),
            "dead_letters": _told(answers, "dead_letters"),
            "in_flight": dict(in_flight.counts),
        }

    def _definition(self, colour: Colour, containers: list[Container]) -> tuple[Definition | None, str]:
        """What the colour was made from, and what is wrong with it as far as its containers show."""
        try:
            deployed = StoredDefinitions(self._env).of(colour.name)
        except Refusal as refusal:
            return None, str(refusal)
        if deployed is None:
            return None, unknown_origin(colour.name) if containers else problem_with(colour, containers, ())
        settings = deployed.definition.settings
        silent = set(settings.routed) - set(settings.ready)
        return deployed.definition, problem_with(colour, containers, list(deployed.definition.services), silent)

    def _ask(self, colour: Colour, definition: Definition) -> tuple[list[Probe], InFlight]:
        health = ColourHealth(endpoints_of(colour, definition), colour.tls_name, self._env.path("tls", "ca.crt"), _TIMEOUT)
        with ThreadPoolExecutor(1) as pool:
            in_flight = pool.submit(InFlight.asked, health)
            try:
                answers = health.readiness()
            except Refusal as refusal:
                answers = [Probe("", refusal.cause)]
        return answers, in_flight.result()


def _told(answers: list[Probe], what: str) -> Any:
    """What the first service that mentions it says of itself."""
    return next((answer.body[what] for answer in answers if what in answer.body), None)
