"""How many transactions a primary that is dead had committed and never sent to its replica: found out from its data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import ENVIRONMENT_LABEL
from ansible_collections.echobase.platform.plugins.module_utils.containers.limits import SMALL_JOB, SMALL_TEMPORARY, in_memory
from ansible_collections.echobase.platform.plugins.module_utils.containers.run_to_end import run_to_end
from ansible_collections.echobase.platform.plugins.module_utils.database.replication import LogReader
from ansible_collections.echobase.platform.plugins.module_utils.durable_db.trial_server import server_container, trial_server
from ansible_collections.echobase.platform.plugins.module_utils.engines.registry import engine_named
from ansible_collections.echobase.platform.plugins.module_utils.environment.inside import DATABASE, user_and_group
from ansible_collections.echobase.platform.plugins.module_utils.environment.locks import trial_lock
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment

if TYPE_CHECKING:
    from docker import DockerClient


@dataclass(frozen=True)
class LostTransactions:
    docker: DockerClient
    env: Environment
    engine: str

    def since(self, position: str, folder: str) -> int:
        """`position` is the replica's, `folder` the primary's in its volume; no server runs on it. Refuses where nobody can tell."""
        reader = engine_named(self.engine).replication.log_reader
        return self._by_a_server(position, folder) if reader is None else self._from_the_log(reader, position, folder)

    def _by_a_server(self, position: str, folder: str) -> int:
        """A server reads its own encrypted log; when it starts it recovers what a crash left, as its next start would do anyway."""
        volume = self.env.server(self.engine).volume
        with trial_lock(self.env.name), trial_server(self.docker, self.env, self.engine, volume, folder, as_it_is=True) as trial:
            replication = trial.console.engine.replication
            [[last]] = trial.console.query(replication.primary_position)
        return max(0, replication.distance(position, last))

    def _from_the_log(self, reader: LogReader, position: str, folder: str) -> int:
        names = self.env.server(self.engine)
        container = self.docker.containers.create(
            server_container(self.docker, self.env, self.engine)["Image"],
            ["-ceu", reader.count_transactions, "bash", f"{names.data_mount}/{folder}", position],
            entrypoint="bash",
            user=user_and_group(DATABASE),
            network_mode="none",
            cap_drop=["ALL"],
            read_only=True,
            tmpfs={"/tmp": in_memory(SMALL_TEMPORARY)},
            volumes={names.volume: {"bind": names.data_mount, "mode": "ro"}},
            labels={ENVIRONMENT_LABEL: self.env.name},
            **SMALL_JOB,
        )
        ended = run_to_end(self.docker, str(container.id), seconds=3600)
        counted, complaint = ended.output.strip(), ended.complaint.strip()
        if not counted.isdigit() or not reader.end_of_log.search(complaint):
            raise Refusal(
                f"the log of {names.volume} cannot be read: {complaint or counted}",
                f"docker volume inspect {names.volume} shows where it lies",
            )
        return int(counted)
