"""The first data of a replica: a copy taken from the running primary, over verified TLS, in a throw-away container."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import ENVIRONMENT_LABEL
from ansible_collections.echobase.platform.plugins.module_utils.containers.limits import (
    DATA_JOB_PROCESSES,
    LARGE_TEMPORARY,
    SMALL_TEMPORARY,
    in_memory,
)
from ansible_collections.echobase.platform.plugins.module_utils.containers.ours import remove_our_container
from ansible_collections.echobase.platform.plugins.module_utils.containers.run_to_end import run_to_end
from ansible_collections.echobase.platform.plugins.module_utils.database.replication import Replication
from ansible_collections.echobase.platform.plugins.module_utils.database.server_definition import ServerDefinition
from ansible_collections.echobase.platform.plugins.module_utils.durable_db.trial_server import server_container
from ansible_collections.echobase.platform.plugins.module_utils.engines.registry import engine_named
from ansible_collections.echobase.platform.plugins.module_utils.environment.inside import AUTHORITY_FILE, DATABASE, user_and_group
from ansible_collections.echobase.platform.plugins.module_utils.storage.generations import FIRST_GENERATION

if TYPE_CHECKING:
    from docker import DockerClient

_LAST_LINES = 60
_PLACE = "/replica"
# The argument is the primary's host name. Everybody takes the volume for empty until the last line has been executed.
_BEGIN = f"""
umask 077
cd {_PLACE}
rm --recursive --force -- .initialising current generations
mkdir --parents generations
data={_PLACE}/{FIRST_GENERATION}.building
"""
_END = f"""
sync --file-system .
ln --symbolic --no-dereference {FIRST_GENERATION} current
mv --no-target-directory "$data" {FIRST_GENERATION}
sync --file-system .
"""


@dataclass(frozen=True)
class ReplicaSeed:
    docker: DockerClient
    # What the replica is.
    definition: ServerDefinition

    def copy_primary(self) -> None:
        """Replaces what the volume held by a copy of the primary. Until then the volume counts as empty: a kill only costs time."""
        definition = self.definition
        name = f"{definition.names.container}-seed"
        remove_our_container(self.docker, definition.env.name, name)
        primary = server_container(self.docker, definition.env, definition.engine)
        container = self.docker.containers.create(
            primary["Image"],
            ["-ceuo", "pipefail", _BEGIN + self._replication.copy + _END, "seed", definition.env.server(definition.engine).container],
            name=name,
            entrypoint="bash",
            user=user_and_group(DATABASE),
            labels={ENVIRONMENT_LABEL: definition.env.name},
            network=definition.env.durable_network.name,
            cap_drop=["ALL"],
            read_only=True,
            tmpfs={
                "/tmp": in_memory(LARGE_TEMPORARY),
                **{
                    folder: in_memory(SMALL_TEMPORARY, f"uid={DATABASE},gid={DATABASE},mode=0755")
                    for folder in self._replication.copy_writes_to
                },
            },
            mem_limit=definition.memory,
            pids_limit=DATA_JOB_PROCESSES,
            mounts=self._mounts(primary),
        )
        ended = run_to_end(self.docker, str(container.id))
        if ended.status != 0:
            lines = ended.complaint.strip().splitlines()[-_LAST_LINES:] or [f"status {ended.status}"]
            reason = next((line for line in lines if "error" in line.lower()), lines[-1])
            raise Refusal(
                f"the replica could not be copied from the primary: {reason}",
                f"the primary serves as before; remove that cause, then {playbook('setup_durable')} copies it again",
            )

    @property
    def _replication(self) -> Replication:
        return engine_named(self.definition.engine).replication

    def _mounts(self, primary: dict[str, Any]) -> list[Any]:
        from docker.types import Mount  # noqa: PLC0415 - see docker_client

        names = self.definition.env.server(self.definition.engine)
        mounts = [
            Mount(mount["Destination"], mount["Source"], "bind", read_only=True)
            for mount in primary["Mounts"]
            if mount["Type"] == "bind" and not mount["Destination"].startswith(("/backups", "/docker-entrypoint-initdb.d"))
        ]
        mounts.append(Mount(AUTHORITY_FILE, self.definition.env.path("tls", "ca.crt"), "bind", read_only=True))
        mounts.append(Mount(_PLACE, self.definition.names.volume, "volume", no_copy=True))
        if self._replication.copies_files:
            mounts.append(Mount(names.data_mount, names.volume, "volume", read_only=True))
        return mounts
