"""Another key for data that their server encrypts by itself: they are copied as SQL into a generation of their own, which then serves.

MariaDB's plugin knows no versions of a key, and log and system tables keep the first one for ever: only a copy re-encrypts all of them.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, cast

from ansible_collections.echobase.platform.plugins.module_utils.backups.run import refuse_difference
from ansible_collections.echobase.platform.plugins.module_utils.base.commands import LOOK_FOR_DISK_ERRORS, playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.further_keys import further_keys
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome, Refusal
from ansible_collections.echobase.platform.plugins.module_utils.base.progress import Progress
from ansible_collections.echobase.platform.plugins.module_utils.credentials.environment_secrets import EnvironmentSecrets
from ansible_collections.echobase.platform.plugins.module_utils.credentials.secret_kinds import KINDS
from ansible_collections.echobase.platform.plugins.module_utils.database.backup_tool import BackupTool
from ansible_collections.echobase.platform.plugins.module_utils.database.console import ServerConsole
from ansible_collections.echobase.platform.plugins.module_utils.database.engine import ENCRYPTION_KEY, OwnEncryption
from ansible_collections.echobase.platform.plugins.module_utils.database.writer_fence import WriterFence
from ansible_collections.echobase.platform.plugins.module_utils.durable_db.trial_server import (
    TrialServer,
    run_beside,
    trial_server,
)
from ansible_collections.echobase.platform.plugins.module_utils.engines.registry import engine_named
from ansible_collections.echobase.platform.plugins.module_utils.environment.locks import durable_work_lock, trial_lock
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment
from ansible_collections.echobase.platform.plugins.module_utils.restore.journal import ChangeStep, GenerationChange, GenerationJournal, Kind
from ansible_collections.echobase.platform.plugins.module_utils.restore.swap import GenerationSwap, ignore_step, published_volume
from ansible_collections.echobase.platform.plugins.module_utils.storage.generations import DataVolume

if TYPE_CHECKING:
    from docker import DockerClient


@dataclass
class DataKeyRotation:
    docker: DockerClient
    env: Environment
    engine: str
    tool: BackupTool
    secrets: EnvironmentSecrets
    progress: Progress
    # This is called with the name of each step that is done; tests end the process there.
    reached: Callable[[str], None] = ignore_step

    def __post_init__(self) -> None:
        self._console = ServerConsole(engine_named(self.engine), self.env)
        self._journal = GenerationJournal(self.env)
        self._swap = GenerationSwap(self.docker, self.env, self._console, self.progress, self.reached)

    def run(self, check_mode: bool) -> Outcome:
        if check_mode:
            self._refuse_impossible(self._volume())
            return Outcome(changed=True, facts={"generation": "", "previous": ""})
        with durable_work_lock(self.env.name):
            restore = self._cut_off() or self._begun()
            if restore.step is ChangeStep.COPYING:
                self._copied(restore)
                restore = self._journal.write(restore.at(ChangeStep.SWAPPING))
            self._swap.to(restore.generation)
            self._journal.write(restore.at(ChangeStep.LIVE))
            # The archiver has to be told of the new data directory.
            self.tool.prepare()
        return Outcome(changed=True, facts={"generation": restore.generation, "previous": restore.previous})

    def _cut_off(self) -> GenerationChange | None:
        """A change of the key that was killed before, and goes on now."""
        found = self._journal.read()
        return found if found and found.is_under_way and found.kind is Kind.NEW_KEY else None

    def _begun(self) -> GenerationChange:
        volume = self._volume()
        self._refuse_impossible(volume)
        volume.sweep()
        # The key is kept before anything is written with it. A key that is never used harms nobody.
        number = max(further_keys(self.secrets.known(), ENCRYPTION_KEY), default=1) + 1
        self.secrets.change({f"{ENCRYPTION_KEY}_{number}": KINDS[ENCRYPTION_KEY].generate()})
        self.reached("key made")
        generations = volume.generations()
        return self._journal.write(
            GenerationChange(
                Kind.NEW_KEY, ChangeStep.COPYING, self.engine, datetime.now(UTC), generations.next, generations.current, builds=True
            )
        )

    def _refuse_impossible(self, volume: DataVolume) -> None:
        self._journal.refuse_under_way()
        before = self._journal.read()
        if before and not before.is_live:
            raise Refusal(f"{before.name} is {before.step}", f"first end it: {playbook('restore', restore_state='abandoned')} gives it up")
        if not self._console.is_answering():
            raise Refusal(
                f"{self._console.container} does not answer, and what is copied comes from it", f"run {playbook('setup_durable')}"
            )
        volume.refuse_without_room(volume.generations().current)

    def _copied(self, restore: GenerationChange) -> None:
        try:
            self._copy(restore)
        except Refusal:
            # Nothing that is served was touched: the database goes on with the old key.
            self._swap.open()
            self._volume().remove(restore.generation)
            self._journal.remove()
            raise

    def _copy(self, restore: GenerationChange) -> None:
        volume = self._volume()
        volume.remove(restore.generation)
        self.progress.say("nobody may write any more")
        WriterFence(self.env, self._console).close()
        self.reached("closed")
        self.tool.archive_now()
        folder = volume.building(restore.generation)
        self.progress.say(f"copying everything into generation {restore.generation}, with the new key")
        with trial_lock(self.env.name):
            path = f"{self.env.server(self.engine).data_mount}/{folder}"
            run_beside(self.docker, self.env, self.engine, volume.name, *self._encryption.make_empty, path)
            self.reached("made")
            with trial_server(self.docker, self.env, self.engine, volume.name, folder) as trial:
                self._load(trial)
                self.reached("copied")
                _mark, expected = self.tool.mark()
                refuse_difference("the copy", expected, self.tool.contents(trial.container), f"nothing was changed; {LOOK_FOR_DISK_ERRORS}")
                WriterFence(self.env, trial.console).open()
                trial.log_in_as_application()
        volume.settle(restore.generation)
        self.reached("settled")

    def _load(self, trial: TrialServer) -> None:
        """Copies row by row through both servers; nothing lies anywhere in the clear."""
        client = self._console.engine.client
        dump = ["docker", "exec", self._console.container, *client.as_root(*client.dump)]
        load = ["docker", "exec", "--interactive", trial.container, *client.as_root(*client.load)]
        with subprocess.Popen(dump, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as source:
            done = subprocess.run(load, stdin=source.stdout, capture_output=True, text=True, check=False)
            # Both were asked for as pipes, so both are there.
            cast(IO[str], source.stdout).close()
            complaint = cast(IO[str], source.stderr).read()
        if source.returncode != 0 or done.returncode != 0:
            reason = (done.stderr or complaint).strip().rpartition("\n")[2]
            raise Refusal(
                f"the data could not be copied: {reason}",
                "the data keep their old key, nothing was changed; remove that cause, then run this again",
            )

    @property
    def _encryption(self) -> OwnEncryption:
        encryption = self._console.engine.encryption
        if encryption is None:
            raise Refusal(
                f"{self._console.engine.title} does not encrypt its data by itself",
                f"change its volume's key: {playbook('rotate_secrets', rotate='db_volume_key')}",
            )
        return encryption

    def _volume(self) -> DataVolume:
        return published_volume(self.docker, self.env, self.engine)
