"""How a replica follows its primary: whether at all, and how far behind it is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import found_or_none, refuse_foreign
from ansible_collections.echobase.platform.plugins.module_utils.database.console import ServerConsole
from ansible_collections.echobase.platform.plugins.module_utils.engines.definitions import SERVER_DEFINITIONS
from ansible_collections.echobase.platform.plugins.module_utils.engines.postgresql.wal import position as wal_position
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment

if TYPE_CHECKING:
    from docker import DockerClient

# Where the primary is.
PRIMARY_POSITION = {
    "mariadb": "SELECT @@global.gtid_binlog_pos",
    "postgresql": "SELECT pg_current_wal_flush_lsn()",
}
# Whether it is being sent the log, whether it applies what it gets, where it is, for how many seconds it has been behind, what is wrong.
_QUESTIONS = {
    "mariadb": (
        "SELECT slave_io_running = 'Yes', slave_sql_running = 'Yes', gtid_slave_pos,"
        " COALESCE(seconds_behind_master, TIMESTAMPDIFF(SECOND, slave_last_event_time, NOW()), ''),"
        " REPLACE(CONCAT(last_sql_error, IF(last_sql_error <> '' AND last_io_error <> '', '; ', ''), last_io_error), '\\n', ' ')"
        " FROM information_schema.slave_status"
    ),
    "postgresql": (
        "SELECT COALESCE((SELECT status = 'streaming' FROM pg_stat_wal_receiver), false)::int,"
        " (pg_is_in_recovery() AND pg_get_wal_replay_pause_state() = 'not paused')::int, pg_last_wal_replay_lsn(),"
        " COALESCE(EXTRACT(EPOCH FROM clock_timestamp() - pg_last_xact_replay_timestamp())::int::text, ''), ''"
    ),
}
_COMPLAINT = re.compile(r"(?:FATAL|PANIC): +(.*)")


@dataclass(frozen=True)
class ReplicaState:
    # missing, stopped or running
    server: str
    # It gets the log and applies it.
    follows: bool = False
    # What is wrong, in a user's words; empty when nothing is.
    problem: str = ""
    # None where nobody can tell.
    lag_seconds: int | None = None
    lag_transactions: int | None = None
    lag_bytes: int | None = None

    @property
    def facts(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def line(self) -> str:
        """For the status screen."""
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
            answers = self.console.query(_QUESTIONS[self.engine])
        except Refusal as refusal:
            return ReplicaState("running", problem=f"{name} does not answer: {refusal.cause}")
        return self._judged(name, answers)

    @property
    def console(self) -> ServerConsole:
        return ServerConsole(SERVER_DEFINITIONS[self.engine](env=self.env, image="", memory="", follows=True))

    @property
    def primary(self) -> ServerConsole:
        return ServerConsole(SERVER_DEFINITIONS[self.engine](env=self.env, image="", memory=""))

    def _container(self) -> dict[str, Any] | None:
        name = self.env.replica(self.engine).container
        container: dict[str, Any] | None = found_or_none(lambda: self.docker.api.inspect_container(name))
        if container is not None:
            refuse_foreign("container", name, container["Config"]["Labels"], self.env.name)
        return container

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
        try:
            [[primary]] = self.primary.query(PRIMARY_POSITION[self.engine])
        except Refusal:
            return state
        behind = max(0, distance(self.engine, position, primary))
        since = int(float(seconds)) if seconds else None
        state = replace(state, lag_seconds=since if behind else 0)
        return replace(state, lag_transactions=behind) if self.engine == "mariadb" else replace(state, lag_bytes=behind)

    def _last_words(self, name: str) -> str:
        if self.engine != "postgresql":
            return ""
        log = self.docker.api.logs(name, tail=50).decode(errors="replace")
        told = _COMPLAINT.findall(log)
        return f": {told[-1]}" if told else ""


def _runs(container: dict[str, Any] | None) -> bool:
    return container is not None and container["State"]["Running"] and not container["State"]["Restarting"]


def distance(engine: str, behind: str, ahead: str) -> int:
    """Transactions from one GTID position to another one, bytes from one place in the log to another one."""
    return _number(engine, ahead) - _number(engine, behind)


def _number(engine: str, position: str) -> int:
    if engine == "mariadb":
        return int(position.rpartition("-")[2] or 0)
    return wal_position(position)
