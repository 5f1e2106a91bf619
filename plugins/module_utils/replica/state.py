"""How a replica follows its primary: whether at all, and how far behind it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.containers.ours import our_container
from ansible_collections.echobase.platform.plugins.module_utils.database.console import ServerConsole
from ansible_collections.echobase.platform.plugins.module_utils.database.engine import DatabaseEngine
from ansible_collections.echobase.platform.plugins.module_utils.engines.registry import engine_named
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment

if TYPE_CHECKING:
    from docker import DockerClient


@dataclass(frozen=True)
class ReplicaState:
    # It is missing, stopped or running.
    server: str
    # The replica gets the log and applies it.
    follows: bool = False
    # This is what is wrong, in a user's words; it is empty when nothing is.
    problem: str = ""
    # These are None where nobody can tell.
    lag_seconds: int | None = None
    lag_transactions: int | None = None
    lag_bytes: int | None = None

    @property
    def facts(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def line(self) -> str:
        """What the status screen shows."""
        if self.problem:
            return f"REPLICA   {self.problem}"
        if self.lag_transactions is not None:
            amount = f"{self.lag_transactions} transactions"
        else:
            amount = "unknown" if self.lag_bytes is None else f"{self.lag_bytes} bytes"
        seconds = "?" if self.lag_seconds is None else self.lag_seconds
        return f"REPLICA   follows, {amount} ({seconds} s) behind"


@dataclass(frozen=True)
class ReplicaWatch:
    docker: DockerClient
    env: Environment
    engine: str

    def is_running(self) -> bool:
        return _runs(self._container())

    def look(self) -> ReplicaState:
        name = self.env.replica(self.engine).container
        container = self._container()
        if container is None:
            return ReplicaState("missing", problem=f"there is no container {name}")
        if not _runs(container):
            return ReplicaState("stopped", problem=f"{name} does not run{self._last_words(name)}")
        try:
            answers = self.console.query(self._engine.replication.state)
        except Refusal as refusal:
            return ReplicaState("running", problem=f"{name} does not answer: {refusal.cause}")
        return self._judged(name, answers)

    @property
    def console(self) -> ServerConsole:
        return ServerConsole(self._engine, self.env, self.env.replica(self.engine).container)

    @property
    def primary(self) -> ServerConsole:
        return ServerConsole(self._engine, self.env)

    @property
    def _engine(self) -> DatabaseEngine:
        return engine_named(self.engine)

    def _container(self) -> dict[str, Any] | None:
        return our_container(self.docker, self.env.name, self.env.replica(self.engine).container)

    def _judged(self, name: str, answers: Sequence[Sequence[str]]) -> ReplicaState:
        if not answers:
            return ReplicaState("running", problem=f"{name} follows nobody")
        receives, applies, position, seconds, complaint = answers[0]
        state = self._lagging(ReplicaState("running"), position, seconds)
        if receives == "1" and applies == "1":
            return replace(state, follows=True)
        what = "is not sent the log" if receives != "1" else "does not apply what it is sent"
        return replace(state, problem=f"{name} {what}{f': {complaint}' if complaint else self._last_words(name)}")

    def _lagging(self, state: ReplicaState, position: str, seconds: str) -> ReplicaState:
        replication = self._engine.replication
        try:
            [[primary]] = self.primary.query(replication.primary_position)
        except Refusal:
            return state
        behind = max(0, replication.distance(position, primary))
        since = int(float(seconds)) if seconds else None
        state = replace(state, lag_seconds=since if behind else 0)
        return replace(state, lag_transactions=behind) if replication.unit == "transactions" else replace(state, lag_bytes=behind)

    def _last_words(self, name: str) -> str:
        complaint = self._engine.replication.complaint(self.docker.api.logs(name, tail=50).decode(errors="replace"))
        return f": {complaint}" if complaint else ""


def _runs(container: dict[str, Any] | None) -> bool:
    return container is not None and container["State"]["Running"] and not container["State"]["Restarting"]
