"""How many transactions a primary that is dead had committed and never sent to its replica: found out from its data."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import ENVIRONMENT_LABEL
from ansible_collections.echobase.platform.plugins.module_utils.containers.limits import SMALL_JOB, SMALL_TEMPORARY, in_memory
from ansible_collections.echobase.platform.plugins.module_utils.containers.run_to_end import run_to_end
from ansible_collections.echobase.platform.plugins.module_utils.durable_db.trial_server import server_container, trial_server
from ansible_collections.echobase.platform.plugins.module_utils.environment.inside import DATABASE, user_and_group
from ansible_collections.echobase.platform.plugins.module_utils.environment.locks import trial_lock
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment
from ansible_collections.echobase.platform.plugins.module_utils.replica.state import PRIMARY_POSITION, distance

if TYPE_CHECKING:
    from docker import DockerClient

# Arguments: data folder, place in the log. The reader complains where the log ends, as well as where it is damaged.
_COUNT = r"""
timeline=$(pg_controldata "$1" | sed --quiet "s/^Latest checkpoint's TimeLineID: *//p")
pg_waldump --path="$1/pg_wal" --timeline="$timeline" --start="$2" --rmgr=Transaction | { grep --count 'desc: COMMIT' || true; }
"""
_END_OF_LOG = re.compile(r"could not find a valid record after|error in WAL record at")


@dataclass(frozen=True)
class LostTransactions:
    docker: DockerClient
    env: Environment
    engine: str

    def since(self, position: str, folder: str) -> int:
        """`position` is the replica's, `folder` the primary's in its volume; no server runs on it. Refuses where nobody can tell."""
        if self.engine == "mariadb":
            return self._by_a_server(position, folder)
        return self._from_the_log(position, folder)

    def _by_a_server(self, position: str, folder: str) -> int:
        """Its log is encrypted, and only a server reads it; it recovers what a crash left, as its next start would."""
        volume = self.env.server(self.engine).volume
        with trial_lock(self.env.name), trial_server(self.docker, self.env, self.engine, volume, folder, as_it_is=True) as trial:
            [[last]] = trial.console.query(PRIMARY_POSITION[self.engine])
        return max(0, distance(self.engine, position, last))

    def _from_the_log(self, position: str, folder: str) -> int:
        names = self.env.server(self.engine)
        container = self.docker.containers.create(
            server_container(self.docker, self.env, self.engine)["Image"],
            ["-ceu", _COUNT, "bash", f"{names.data_mount}/{folder}", position],
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
        if not counted.isdigit() or not _END_OF_LOG.search(complaint):
            raise Refusal(f"the log of {names.volume} cannot be read: {complaint or counted}", "look at that volume")
        return int(counted)
