"""The edge's containers as one thing that never stops serving: while one nginx is replaced, another takes the connections that wait."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.base.progress import Progress
from ansible_collections.echobase.platform.plugins.module_utils.base.waiting import looks, wait_until
from ansible_collections.echobase.platform.plugins.module_utils.containers.compose import ComposeFile
from ansible_collections.echobase.platform.plugins.module_utils.edge.container import EdgeContainer
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment
from ansible_collections.echobase.platform.plugins.module_utils.host.port_holder import port_holder

if TYPE_CHECKING:
    from docker import DockerClient

COMPOSE = "compose/edge.yml"
SOCKETS_COMPOSE = "compose/edge-sockets.yml"
_HOLDS = ("edge-sockets", "check", "/sockets/holder")
# A new holder gets the sockets from the running nginx, or opens them, within a fraction of a second.
_HOLD_SECONDS = 5
_REMIND_SECONDS = 5


class EdgeStep(enum.Enum):
    HOLD = "hold the listening sockets"
    START = "start the edge"
    SERVE_NEXT = "let a second nginx serve beside the edge"
    REPLACE = "replace the edge when its connections have ended"
    DISMISS_NEXT = "take the second nginx away when its connections have ended"


@dataclass(frozen=True)
class ObservedEdge:
    sockets_held: bool
    edge_runs: bool
    # The container that there is was made from what is wanted, and has not been told to leave.
    edge_is_wanted: bool
    next_exists: bool


def edge_steps(observed: ObservedEdge) -> tuple[EdgeStep, ...]:
    """Gives the steps to the wanted edge from whatever is there: nothing, an older edge, what a killed run left behind."""
    steps = [] if observed.sockets_held else [EdgeStep.HOLD]
    if not observed.edge_runs:
        steps.append(EdgeStep.START)
    elif not observed.edge_is_wanted:
        steps += [EdgeStep.SERVE_NEXT, EdgeStep.REPLACE]
    if observed.next_exists or EdgeStep.SERVE_NEXT in steps:
        steps.append(EdgeStep.DISMISS_NEXT)
    return tuple(steps)


class EdgeServers:
    def __init__(self, docker: DockerClient, env: Environment, ready_seconds: float, drain_seconds: float, progress: Progress) -> None:
        self._docker = docker
        self._env = env
        self._ready_seconds = ready_seconds
        self._drain_seconds = drain_seconds
        self._progress = progress
        self.edge, self.next, self.sockets = (
            EdgeContainer(docker, env.name, name) for name in (env.edge_container, env.edge_next_container, env.sockets_container)
        )

    @property
    def all(self) -> tuple[EdgeContainer, ...]:
        return (self.next, self.edge, self.sockets)

    def observe(self, digest: str, sockets_digest: str) -> ObservedEdge:
        next_exists = self.next.exists()
        return ObservedEdge(
            sockets_held=self.sockets.runs() and self.sockets.is_made_from(sockets_digest) and not self.sockets.is_unhealthy(),
            edge_runs=self.edge.runs(),
            edge_is_wanted=self.edge.is_made_from(digest) and not (next_exists and self.edge.is_leaving()),
            next_exists=next_exists,
        )

    def refuse_obstacles(self) -> None:
        """Refuses where a container of somebody else has one of our names, or somebody else has one of our ports."""
        for container in self.all:
            container.refuse_foreign()
        if not (self.edge.runs() or self.next.runs() or self._sockets_are_held()):
            self._refuse_taken_ports()

    def hold_sockets(self) -> None:
        self._compose(SOCKETS_COMPOSE).up("edge-sockets")
        if wait_until(self._sockets_are_held, _HOLD_SECONDS):
            return
        if self.edge.runs():
            self._progress.say(f"{self.edge.name} has listening sockets that it cannot hand over: it stops serving for a moment")
            self.edge.stop()
        if not wait_until(self._sockets_are_held, _HOLD_SECONDS):
            self._refuse_taken_ports()
            raise _failure(self.sockets, "does not hold the listening sockets")

    def serve_next(self) -> None:
        self._progress.say(f"{self.next.name} starts and shares the work of {self.edge.name}")
        self._compose(COMPOSE).up("edge-next", force_recreate=True)
        try:
            self._await_ready(self.next)
        except Refusal:
            self.next.remove()
            raise

    def start_edge(self) -> None:
        self._compose(COMPOSE).up("edge")
        self._await_ready(self.edge)

    def replace_edge(self, prepare: Callable[[], None]) -> None:
        """Replaces the edge. `prepare` is called when nobody is served by the old one any more."""
        self._empty(self.edge)
        prepare()
        self._compose(COMPOSE).up("edge", force_recreate=True)
        self._await_ready(self.edge)

    def dismiss_next(self) -> None:
        self._empty(self.next)
        self.next.remove()

    def _empty(self, server: EdgeContainer) -> None:
        """Waits for the connections that may be used again. Whoever comes later asks once, and nginx answers before it ends."""
        if not server.runs():
            return
        server.leave()
        left = server.connections(self._ports)
        remind_at = self._drain_seconds
        for seconds in looks(self._drain_seconds):
            left &= server.connections(self._ports)
            if not left:
                return
            if 0 < seconds <= remind_at:
                self._progress.say(f"{server.name} waits for {len(left)} connections to end, {seconds:.0f} s at most")
                remind_at = seconds - _REMIND_SECONDS
        self._progress.say(f"{server.name} still has {len(left)} connections: they are ended when what they do now is done")

    def _await_ready(self, server: EdgeContainer) -> None:
        if not wait_until(server.is_ready, self._ready_seconds):
            raise _failure(server, f"is not ready after {self._ready_seconds:g} s")

    def _refuse_taken_ports(self) -> None:
        for port in self._ports:
            holder = port_holder(port, self._docker)
            if holder:
                raise Refusal(
                    f"port {port}, which {self.edge.name} needs, is taken by {holder}",
                    "stop that, or give another port to edge or operators in echobase_ports, then run this again",
                )

    def _sockets_are_held(self) -> bool:
        return self.sockets.succeeds(*_HOLDS)

    @property
    def _ports(self) -> tuple[int, int]:
        return (self._env.edge_port, self._env.operators_port)

    def _compose(self, file: str) -> ComposeFile:
        return ComposeFile(self._env.durable_project, self._env.path(file))


def _failure(container: EdgeContainer, what: str) -> Refusal:
    return Refusal(f"{container.name} {what}: {container.last_words()}", f"see `docker logs {container.name}`")
