"""The replica of a durable database: decide what its wanted state takes, then do it. Whatever is wrong with it, the primary goes on."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome, Refusal
from ansible_collections.echobase.platform.plugins.module_utils.base.waiting import looks, wait_until
from ansible_collections.echobase.platform.plugins.module_utils.containers.ours import our_container
from ansible_collections.echobase.platform.plugins.module_utils.database.backend import PREPARE_FIRST, Observed, Server
from ansible_collections.echobase.platform.plugins.module_utils.database.replication import LogSlot
from ansible_collections.echobase.platform.plugins.module_utils.database.server_definition import ServerDefinition
from ansible_collections.echobase.platform.plugins.module_utils.durable_db.docker_backend import DockerDatabase
from ansible_collections.echobase.platform.plugins.module_utils.engines.registry import engine_named
from ansible_collections.echobase.platform.plugins.module_utils.environment.locks import database_server_lock
from ansible_collections.echobase.platform.plugins.module_utils.replica.seed import ReplicaSeed
from ansible_collections.echobase.platform.plugins.module_utils.replica.state import ReplicaState, ReplicaWatch
from ansible_collections.echobase.platform.plugins.module_utils.storage.generations import DataVolume
from ansible_collections.echobase.platform.plugins.module_utils.storage.volume import DatabaseVolume

if TYPE_CHECKING:
    from docker import DockerClient

# A replica that has not come back so long after a restart of its primary does not come back.
_PATIENCE_SECONDS = 15.0
_REBUILD = f"{playbook('setup_durable', durable_db_replica_rebuild='true')} makes it anew from the primary"


class ReplicaStep(enum.Enum):
    STOP = "stop replica"
    REMOVE = "remove replica"
    REMOVE_SLOT = "remove replication slot"
    REMOVE_DATA = "remove replica's volume"
    CREATE_DATA = "create replica's volume"
    ADD_SLOT = "add replication slot"
    SEED = "copy primary"
    CONFIGURE = "write replica's configuration"
    CREATE = "create replica"
    START = "start replica"
    RESTART = "restart replica"
    AWAIT = "await replica"


@dataclass(frozen=True)
class WantedReplica:
    """`state` is that of the database: present, stopped or absent."""

    state: str
    present: bool
    rebuild: bool = False
    key_fingerprint: str = ""
    # The name of a volume to delete: the primary's name deletes the replica's volume as well, the replica's name only that one.
    confirm: str = ""


@dataclass
class DurableReplica:
    docker: DockerClient
    # What the replica is.
    definition: ServerDefinition
    wait_timeout: float
    _backend: DockerDatabase = field(init=False)
    # The primary was started or changed, and a replica needs a moment to find it again.
    _has_new_primary: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self._backend = DockerDatabase(self.docker, self.definition)
        self._watch = ReplicaWatch(self.docker, self.definition.env, self.definition.engine)

    @property
    def volume(self) -> str:
        return self._backend.data_name

    def ensure(self, wanted: WantedReplica, check_mode: bool, *, primary_drifts: bool = False, primary_changed: bool = False) -> Outcome:
        """The primary has to be in its wanted state before. With `primary_drifts` its configuration is not the wanted one."""
        self._has_new_primary = primary_changed
        if check_mode:
            observed = self._backend.observe(present=False)
            return self._outcome(wanted, observed, self._plan(wanted, observed, primary_drifts), done=False)
        with database_server_lock(self.definition.env.name):
            observed = self._backend.observe(present=False)
            steps = self._plan(wanted, observed, primary_drifts)
            self._refuse_unprepared(steps, observed)
            for step in steps:
                self._apply(step, wanted)
            return self._outcome(wanted, observed, steps, done=True)

    def _plan(self, wanted: WantedReplica, observed: Observed, primary_drifts: bool) -> list[ReplicaStep]:
        is_there, has_data = observed.server is not Server.MISSING, observed.data_fingerprint is not None
        if wanted.state == "stopped":
            return [ReplicaStep.STOP] if observed.server is Server.RUNNING else []
        if wanted.state == "absent" or not wanted.present:
            stop = [ReplicaStep.STOP] if observed.server is Server.RUNNING else []
            slot = [ReplicaStep.REMOVE_SLOT] if is_there and self._slot and wanted.state == "present" else []
            deletes = (self.volume, self._volume_of_primary) if wanted.state == "absent" else (self.volume,)
            delete = has_data and wanted.confirm in deletes
            return [*stop, *slot, *([ReplicaStep.REMOVE] if is_there else []), *([ReplicaStep.REMOVE_DATA] if delete else [])]
        if wanted.rebuild:
            away = [ReplicaStep.STOP, ReplicaStep.REMOVE] if is_there else []
            return [*away, *([ReplicaStep.REMOVE_DATA] if has_data else []), *self._from_nothing]
        if not has_data:
            return [*([ReplicaStep.REMOVE] if is_there else []), *self._from_nothing]
        return self._plan_existing(wanted, observed, primary_drifts)

    def _plan_existing(self, wanted: WantedReplica, observed: Observed, primary_drifts: bool) -> list[ReplicaStep]:
        DatabaseVolume(self.docker, self._backend.definition).refuse_in_clear()
        if wanted.key_fingerprint and observed.data_fingerprint != wanted.key_fingerprint:
            return []
        slot = [ReplicaStep.ADD_SLOT] if self._slot and self._lacks_slot(self._slot) else []
        if observed.server is not Server.RUNNING and not self._is_seeded():
            return [*([ReplicaStep.REMOVE] if observed.server is not Server.MISSING else []), *self._from_nothing[1:]]
        made = [*slot, ReplicaStep.CONFIGURE, ReplicaStep.CREATE, ReplicaStep.AWAIT]
        # A replica does not start with settings that are larger than those of its primary.
        if observed.server is Server.MISSING or observed.broken or (observed.drift and not primary_drifts):
            return made
        if observed.server is Server.STOPPED:
            return [*slot, ReplicaStep.START, ReplicaStep.AWAIT]
        return [*slot, ReplicaStep.RESTART, ReplicaStep.AWAIT] if self._has_older_password() else slot

    @property
    def _from_nothing(self) -> list[ReplicaStep]:
        slot = [ReplicaStep.ADD_SLOT] if self._slot else []
        return [ReplicaStep.CREATE_DATA, *slot, ReplicaStep.SEED, ReplicaStep.CONFIGURE, ReplicaStep.CREATE, ReplicaStep.AWAIT]

    def _apply(self, step: ReplicaStep, wanted: WantedReplica) -> None:
        backend = self._backend
        actions: dict[ReplicaStep, Callable[[], object]] = {
            ReplicaStep.STOP: backend.stop_server,
            ReplicaStep.REMOVE: backend.remove_server,
            ReplicaStep.REMOVE_SLOT: self._remove_slot,
            ReplicaStep.REMOVE_DATA: backend.remove_data,
            ReplicaStep.CREATE_DATA: lambda: backend.create_data(wanted.key_fingerprint),
            ReplicaStep.ADD_SLOT: self._add_slot,
            ReplicaStep.SEED: ReplicaSeed(self.docker, backend.definition).copy_primary,
            ReplicaStep.CONFIGURE: backend.write_configuration,
            ReplicaStep.CREATE: backend.create_server,
            ReplicaStep.START: backend.start_server,
            ReplicaStep.RESTART: lambda: self.docker.api.restart(backend.server_name, timeout=120),
            ReplicaStep.AWAIT: lambda: self._await_following(self.wait_timeout),
        }
        actions[step]()

    def _refuse_unprepared(self, steps: list[ReplicaStep], observed: Observed) -> None:
        starts = {ReplicaStep.CREATE, ReplicaStep.START} & set(steps)
        if starts and observed.missing:
            raise Refusal(f"the replica cannot run without: {', '.join(observed.missing)}", PREPARE_FIRST)
        if starts and observed.port_conflict:
            raise Refusal(
                f"the replica's {observed.port_conflict}",
                "stop that, or give the replica another port in echobase_ports, then run this again",
            )

    # What a replica takes on the primary.

    @property
    def _slot(self) -> LogSlot | None:
        return engine_named(self.definition.engine).replication.slot

    def _lacks_slot(self, slot: LogSlot) -> bool:
        try:
            return self._watch.primary.query(slot.count) == [["0"]]
        except Refusal:
            # In check mode the primary need not be there yet.
            return False

    def _add_slot(self) -> None:
        if slot := self._slot:
            self._watch.primary.query(slot.remove_useless)
            self._watch.primary.query(slot.add)

    def _remove_slot(self) -> None:
        if slot := self._slot:
            # The primary's process that sends the log needs a moment to notice that the replica left.
            wait_until(lambda: self._watch.primary.query(slot.count_active) == [["0"]], _PATIENCE_SECONDS)
            self._watch.primary.query(slot.remove)

    @property
    def _volume_of_primary(self) -> str:
        return self.definition.env.server(self.definition.engine).volume

    # What there is of the replica.

    def _is_seeded(self) -> bool:
        if not self._backend.image:
            return True
        generations = DataVolume(self.docker, self.definition.env.name, self._backend.data_name, self._backend.image).generations()
        return generations.current in generations.kept

    def _has_older_password(self) -> bool:
        """Whether the replica's password is an older one: it knows only the one that was there when it started."""
        container = our_container(self.docker, self.definition.env.name, self._backend.server_name)
        if container is None:
            return False
        file = Path(self.definition.env.path("secrets", "db", "replica_password"))
        started = datetime.fromisoformat(container["State"]["StartedAt"][:19] + "+00:00")
        return file.exists() and datetime.fromtimestamp(int(file.stat().st_mtime), UTC) > started

    def _await_following(self, timeout: float) -> ReplicaState:
        for _look in looks(timeout):
            state = self._watch.look()
            if state.follows:
                break
        return state

    def _state(self, wanted: WantedReplica, observed: Observed, *, done: bool) -> ReplicaState | None:
        if wanted.state != "present" or not wanted.present:
            return None
        if not done:
            return self._watch.look() if observed.server is Server.RUNNING else ReplicaState(observed.server.value)
        if wanted.key_fingerprint and observed.data_fingerprint not in (None, wanted.key_fingerprint) and not wanted.rebuild:
            return ReplicaState(observed.server.value, problem=f"volume {self._backend.data_name} was made with other keys")
        return self._await_following(_PATIENCE_SECONDS if self._has_new_primary else 0)

    def _outcome(self, wanted: WantedReplica, observed: Observed, steps: list[ReplicaStep], *, done: bool) -> Outcome:
        state = self._state(wanted, observed, done=done)
        warnings = []
        if state and state.problem:
            warnings.append(f"the replica does not follow: {state.problem}; the primary serves all the same. {_REBUILD}")
        kept = observed.data_fingerprint is not None and ReplicaStep.REMOVE_DATA not in steps
        if wanted.state == "present" and not wanted.present and kept:
            warnings.append(
                f"volume {self._backend.data_name} of a former replica is kept:"
                f" {playbook('setup_durable', durable_db_confirm=self._backend.data_name)} deletes it"
            )
        running = bool({ReplicaStep.CREATE, ReplicaStep.START, ReplicaStep.RESTART} & set(steps)) or (
            observed.server is Server.RUNNING and not {ReplicaStep.STOP, ReplicaStep.REMOVE} & set(steps)
        )
        data = kept or ReplicaStep.CREATE_DATA in steps
        return Outcome(
            changed=any(step is not ReplicaStep.AWAIT for step in steps),
            before=self._picture(observed.server is Server.RUNNING, observed.data_fingerprint is not None, observed.configuration),
            after=self._picture(running, data, self._backend.configuration if ReplicaStep.CONFIGURE in steps else observed.configuration),
            facts={
                "container": self._backend.server_name,
                "volume": self._backend.data_name,
                **self._backend.endpoint,
                "steps": [step.value for step in steps],
                **(state.facts if state else {}),
            },
            warnings=warnings,
        )

    def _picture(self, running: bool, data: bool, configuration: dict[str, Any]) -> dict[str, Any]:
        return {"replica": "running" if running else "not running", "volume": self._backend.data_name if data else None} | (
            {"configuration": configuration} if configuration else {}
        )
