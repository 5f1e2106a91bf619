"""Bringing a replica's data into the volume of its primary, as one of the generations there."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import ENVIRONMENT_LABEL
from ansible_collections.echobase.platform.plugins.module_utils.containers.limits import SMALL_JOB
from ansible_collections.echobase.platform.plugins.module_utils.containers.ours import our_volume
from ansible_collections.echobase.platform.plugins.module_utils.containers.run_to_end import run_to_end
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment
from ansible_collections.echobase.platform.plugins.module_utils.storage.generations import FIRST_GENERATION

if TYPE_CHECKING:
    from docker import DockerClient

# The arguments are the two volumes' folders and the generation. On one file system this is a rename; a copy counts once it is whole.
_MOVE = f"""
cd /volumes
from=$1/{FIRST_GENERATION} to=$2/generations/$3
if [[ ! -d $to ]]; then
  if [[ $(stat --format=%d "$from") == $(stat --format=%d "$2/generations") ]]; then
    mv --no-target-directory "$from" "$to"
  else
    rm --recursive --force -- "$to.building"
    cp --archive "$from" "$to.building"
    sync --file-system "$to.building"
    mv --no-target-directory "$to.building" "$to"
  fi
fi
rm --force -- "$1/current"
sync "$1" "$2/generations"
"""


@dataclass(frozen=True)
class PromotedData:
    docker: DockerClient
    env: Environment
    engine: str
    image: str

    def move(self, generation: str) -> None:
        """Moves the data while no server runs on either volume; a second call changes nothing. The replica's volume is empty then."""
        source, target = self._folder(self.env.replica(self.engine).volume), self._folder(self.env.server(self.engine).volume)
        parent = os.path.commonpath([source, target])
        container = self.docker.containers.create(
            self.image,
            ["-ceu", _MOVE, "bash", os.path.relpath(source, parent), os.path.relpath(target, parent), generation],
            entrypoint="bash",
            user="0:0",
            network_mode="none",
            cap_drop=["ALL"],
            cap_add=["DAC_OVERRIDE", "CHOWN", "FOWNER"],
            # Nothing can be renamed from one mount to another, so the folder above both is mounted.
            volumes={parent: {"bind": "/volumes", "mode": "rw"}},
            labels={ENVIRONMENT_LABEL: self.env.name},
            **SMALL_JOB,
        )
        ended = run_to_end(self.docker, str(container.id))
        if ended.status != 0:
            reason = ended.complaint.strip().rpartition("\n")[2]
            raise Refusal(
                f"the replica's data cannot take their place in {target}: {reason}",
                f"check owner and disk of that folder (df -h), then run {playbook('promote_replica')} again: it goes on",
            )

    def _folder(self, volume: str) -> str:
        """The folder on this machine that has the volume's content."""
        found = our_volume(self.docker, self.env.name, volume)
        if found is None:
            raise Refusal(
                f"there is no volume {volume}", f"without both volumes nothing can be promoted: {playbook('restore')} restores a backup"
            )
        return str((found["Options"] or {}).get("device") or found["Mountpoint"])
