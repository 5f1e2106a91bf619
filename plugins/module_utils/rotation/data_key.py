"""Another key for the data of a MariaDB: they are copied as SQL into a generation of their own, which takes the place of the old one.

Its plugin knows no versions of a key, and log and system tables have the first one for ever: nothing less than a copy re-encrypts all.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ansible_collections.echobase.platform.plugins.module_utils.backups.run import refuse_difference
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome, Refusal
from ansible_collections.echobase.platform.plugins.module_utils.base.progress import Progress
from ansible_collections.echobase.platform.plugins.module_utils.credentials.environment_secrets import EnvironmentSecrets
from ansible_collections.echobase.platform.plugins.module_utils.credentials.store import KINDS, further_keys
from ansible_collections.echobase.platform.plugins.module_utils.database.backup_tool import BackupTool
from ansible_collections.echobase.platform.plugins.module_utils.database.console import ServerConsole
from ansible_collections.echobase.platform.plugins.module_utils.database.writer_fence import WriterFence
from ansible_collections.echobase.platform.plugins.module_utils.durable_db.trial_server import (
    TrialServer,
    run_beside,
    trial_server,
)
from ansible_collections.echobase.platform.plugins.module_utils.engines.mariadb.server import MariadbServer
from ansible_collections.echobase.platform.plugins.module_utils.environment.locks import durable_work_lock, trial_lock
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment
from ansible_collections.echobase.platform.plugins.module_utils.restore.journal import NEW_KEY, Restore, RestoreJournal, Step
from ansible_collections.echobase.platform.plugins.module_utils.restore.swap import GenerationSwap, published_volume, unheard
from ansible_collections.echobase.platform.plugins.module_utils.storage.generations import DataVolume

if TYPE_CHECKING:
    from docker import DockerClient

_ENGINE = "mariadb"


@dataclass
class DataKeyRotation:
    docker: DockerClient
    env: Environment
    tool: BackupTool
    secrets: EnvironmentSecrets
    progress: Progress
    # Called before each thing that a kill could come between.
    reached: Callable[[str], None] = unheard

    def __post_init__(self) -> None:
        self._definition = MariadbServer(env=self.env, image="", memory="")
        self._console = ServerConsole(self._definition)
        self._journal = RestoreJournal(self.env)
        self._swap = GenerationSwap(self.docker, self.env, self._console, self.progress, self.reached)

    def run(self, check_mode: bool) -> Outcome:
        if check_mode:
            self._refuse_impossible(self._volume())
            return Outcome(changed=True, facts={"generation": "", "previous": ""})
        with durable_work_lock(self.env.name):
            restore = self._cut_off() or self._begun()
            if restore.step is Step.COPYING:
                self._copied(restore)
                restore = self._journal.write(restore.at(Step.SWAPPING))
            self._swap.to(restore.generation)
            self._journal.write(restore.at(Step.LIVE))
            # The archiver meets a server that was made anew.
            self.tool.prepare()
        return Outcome(changed=True, facts={"generation": restore.generation, "previous": restore.previous})

    def _cut_off(self) -> Restore | None:
        """One of these that was killed: it goes on."""
        found = self._journal.read()
        return found if found and found.is_under_way and found.to == NEW_KEY else None

    def _begun(self) -> Restore:
        volume = self._volume()
        self._refuse_impossible(volume)
        volume.sweep()
        # Before anything is written with it. One that is never used harms nobody.
        number = max(further_keys(self.secrets.known()), default=1) + 1
        self.secrets.change({f"db_encryption_key_{number}": KINDS["db_encryption_key"].generate()})
        self.reached("key made")
        generations = volume.generations()
        return self._journal.write(
            Restore(Step.COPYING, _ENGINE, NEW_KEY, datetime.now(UTC), generations.next, generations.current, backup="the served data")
        )

    def _refuse_impossible(self, volume: DataVolume) -> None:
        self._journal.refuse_under_way()
        before = self._journal.read()
        if before and not before.is_live:
            raise Refusal(
                f"a restore to {before.to} is {before.step}", "first end it: playbooks/restore.yml, restore_state=abandoned leaves it"
            )
        if not self._console.is_answering():
            raise Refusal(f"{self._console.container} does not answer, and what is copied comes from it", "run playbooks/setup_durable.yml")
        volume.refuse_without_room(volume.generations().current)

    def _copied(self, restore: Restore) -> None:
        try:
            self._copy(restore)
        except Refusal:
            # Nothing of what is served was touched: it goes on with the old key.
            self._swap.open()
            self._volume().remove(restore.generation)
            self._journal.remove()
            raise

    def _copy(self, restore: Restore) -> None:
        volume = self._volume()
        volume.remove(restore.generation)
        self.progress.say("nobody may write any more")
        WriterFence(self.env, self._console).close()
        self.reached("closed")
        self.tool.archive_now()
        folder = volume.building(restore.generation)
        self.progress.say(f"copying everything into generation {restore.generation}, with the new key")
        with trial_lock(self.env.name):
            path = f"{self.env.server(_ENGINE).data_mount}/{folder}"
            run_beside(self.docker, self.env, _ENGINE, volume.name, "docker-entrypoint.sh", "fill", path)
            self.reached("made")
            with trial_server(self.docker, self.env, _ENGINE, volume.name, folder) as trial:
                self._load(trial)
                self.reached("copied")
                _, expected = self.tool.mark()
                refuse_difference("the copy", expected, self.tool.contents(trial.container), "look at the disks; nothing was changed")
                WriterFence(self.env, trial.console).open()
                trial.log_in_as_application()
        volume.settle(restore.generation)
        self.reached("settled")

    def _load(self, trial: TrialServer) -> None:
        """Row by row through both servers; nothing of it lies anywhere in the clear."""
        dump = ["docker", "exec", self._console.container, *self._definition.as_root(*self._definition.dump_command)]
        load = ["docker", "exec", "--interactive", trial.container, *self._definition.as_root("mariadb")]
        with subprocess.Popen(dump, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as source:
            done = subprocess.run(load, stdin=source.stdout, capture_output=True, text=True, check=False)
            assert source.stdout is not None
            assert source.stderr is not None
            source.stdout.close()
            complaint = source.stderr.read()
        if source.returncode != 0 or done.returncode != 0:
            reason = (done.stderr or complaint).strip().rpartition("\n")[2]
            raise Refusal(f"the data could not be copied: {reason}", "see to that, then run this again; nothing was changed")

    def _volume(self) -> DataVolume:
        return published_volume(self.docker, self.env, _ENGINE)
