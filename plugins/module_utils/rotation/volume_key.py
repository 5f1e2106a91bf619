"""Another key for the encrypted volume of a database: its files are copied beside it under the new key, and the folders change places.

The kernel encrypts each file with a key of its own, derived from the folder's: nothing but writing a file anew re-encrypts it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome, Refusal
from ansible_collections.echobase.platform.plugins.module_utils.base.progress import Progress
from ansible_collections.echobase.platform.plugins.module_utils.containers.stop import stop_server
from ansible_collections.echobase.platform.plugins.module_utils.credentials.environment_secrets import EnvironmentSecrets
from ansible_collections.echobase.platform.plugins.module_utils.credentials.secret_kinds import KINDS
from ansible_collections.echobase.platform.plugins.module_utils.database.console import ServerConsole
from ansible_collections.echobase.platform.plugins.module_utils.database.engine import VOLUME_KEY
from ansible_collections.echobase.platform.plugins.module_utils.durable_db.running_replica import refuse_running_replica
from ansible_collections.echobase.platform.plugins.module_utils.engines.registry import engine_named
from ansible_collections.echobase.platform.plugins.module_utils.environment.locks import database_server_lock, durable_work_lock, trial_lock
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment
from ansible_collections.echobase.platform.plugins.module_utils.restore.journal import GenerationJournal
from ansible_collections.echobase.platform.plugins.module_utils.restore.swap import GenerationSwap, ignore_step
from ansible_collections.echobase.platform.plugins.module_utils.storage.encrypted_folder import EncryptedFolder

if TYPE_CHECKING:
    from docker import DockerClient

_NEXT = f"{VOLUME_KEY}_next"


@dataclass
class VolumeKeyRotation:
    docker: DockerClient
    env: Environment
    engine: str
    secrets: EnvironmentSecrets
    progress: Progress
    # This is called with the name of each step that is done; tests end the process there.
    reached: Callable[[str], None] = ignore_step

    def __post_init__(self) -> None:
        self._console = ServerConsole(engine_named(self.engine), self.env)
        self._folder = EncryptedFolder(self.env, self.env.server(self.engine).service)
        self._swap = GenerationSwap(self.docker, self.env, self._console, self.progress, self.reached)

    def run(self, check_mode: bool) -> Outcome:
        GenerationJournal(self.env).refuse_under_way()
        if not self._folder.image.exists():
            raise Refusal(f"{self.env.name} has no encrypted volume", "nothing to do: its key encrypts nothing")
        refuse_running_replica(self.docker, self.env, self.engine, "its data are in the same volume and change while they are copied")
        if check_mode:
            return Outcome(changed=True)
        with durable_work_lock(self.env.name), trial_lock(self.env.name), database_server_lock(self.env.name):
            key = self.secrets.known().get(_NEXT) or KINDS[VOLUME_KEY].generate()
            self.secrets.change({_NEXT: key})
            if not self._folder.has_next_key():
                self._folder.open()
                self._copy()
            self.reached("exchanged")
            self.secrets.change({VOLUME_KEY: key}, dropped=[_NEXT])
            self.reached("key changed")
            self._folder.open()
            self.docker.api.start(self._console.container)
        self._swap.open()
        self._folder.remove_former()
        return Outcome(changed=True)

    def _copy(self) -> None:
        """Copies twice: while the server runs, and once more what has changed since, which is little."""
        self.progress.say("copying while the database serves")
        self._folder.copy_to_next()
        self.reached("copied")
        self.progress.say("the database stops; copying what has changed")
        stop_server(self.docker, self._console.container)
        self.reached("stopped")
        self._folder.copy_to_next()
        self.reached("copied again")
        self._folder.exchange()
