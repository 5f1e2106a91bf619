"""Another key for the repository of backups: where it may have several passwords, one takes the place of another; else it is begun anew."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome, Refusal
from ansible_collections.echobase.platform.plugins.module_utils.base.progress import Progress
from ansible_collections.echobase.platform.plugins.module_utils.containers.stop import stop_server
from ansible_collections.echobase.platform.plugins.module_utils.credentials.environment_secrets import EnvironmentSecrets
from ansible_collections.echobase.platform.plugins.module_utils.credentials.secret_kinds import KINDS
from ansible_collections.echobase.platform.plugins.module_utils.database.backup_tool import BackupTool, RepositoryPasswords
from ansible_collections.echobase.platform.plugins.module_utils.database.console import ServerConsole
from ansible_collections.echobase.platform.plugins.module_utils.database.server_definition import SECRETS_FOLDER
from ansible_collections.echobase.platform.plugins.module_utils.engines.registry import backup_tool, engine_named
from ansible_collections.echobase.platform.plugins.module_utils.environment.backup_target import BackupTarget, default_target
from ansible_collections.echobase.platform.plugins.module_utils.environment.database_places import ENGINES
from ansible_collections.echobase.platform.plugins.module_utils.environment.inside import DATABASE
from ansible_collections.echobase.platform.plugins.module_utils.environment.locks import durable_work_lock
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment
from ansible_collections.echobase.platform.plugins.module_utils.restore.journal import GenerationJournal
from ansible_collections.echobase.platform.plugins.module_utils.restore.swap import GenerationSwap

if TYPE_CHECKING:
    from docker import DockerClient

_KEY, _NEXT = "db_backup_key", "db_backup_key_next"


@dataclass(frozen=True)
class RepositoryKeyRotation:
    docker: DockerClient
    env: Environment
    engine: str
    target: BackupTarget
    secrets: EnvironmentSecrets
    progress: Progress

    def run(self, check_mode: bool) -> Outcome:
        GenerationJournal(self.env).refuse_under_way()
        self._refuse_other_engine()
        tool = backup_tool(self.docker, self.env, self.engine, self.target)
        if tool.passwords is None and self.target.is_remote:
            raise Refusal(
                f"{tool.program} cannot give {self.target.location} another key, and what is there would be unreadable",
                "set durable_db_backup_target to another prefix of the bucket in the inventory, then run this again",
            )
        if check_mode:
            return Outcome(changed=True)
        with durable_work_lock(self.env.name):
            return self._password_changed(tool.passwords) if tool.passwords else self._begun_anew(tool)

    def _refuse_other_engine(self) -> None:
        """Refuses while another engine has backups, since one key reads the repositories of all engines."""
        for engine in ENGINES:
            folder = Path(default_target(self.env, engine).location)
            if engine != self.engine and folder.is_dir() and any(folder.iterdir()):
                raise Refusal(
                    f"the backups of {engine} in {folder} are read with the same key",
                    "move them away with a copy of secrets.json, or remove them",
                )

    def _password_changed(self, passwords: RepositoryPasswords) -> Outcome:
        """Changes the password. Whenever this is cut off, one of the two passwords that are known opens the repository."""
        with passwords.alone():
            key = self.secrets.known().get(_NEXT) or KINDS[_KEY].generate()
            self.secrets.change({_NEXT: key})
            passwords.add(f"{SECRETS_FOLDER}/backup_key_next")
            self.secrets.change({_KEY: key}, dropped=[_NEXT])
            removed = passwords.remove_others()
        return Outcome(changed=True, facts={"removed": removed, "put_aside": ""})

    def _begun_anew(self, tool: BackupTool) -> Outcome:
        """Begins another repository, since each file is encrypted with the key itself. The one before is put aside and its key kept."""
        folder = Path(self.target.location)
        now = f"{datetime.now(UTC):%Y%m%d-%H%M%S}"
        aside = folder.with_name(f"{folder.name}-until-{now}")
        old = self.secrets.known()[_KEY]
        self.progress.say("the database stops for a moment: its log goes into a new repository")
        stop_server(self.docker, self.env.server(self.engine).container)
        if folder.exists():
            folder.rename(aside)
        folder.mkdir(mode=0o700)
        os.chown(folder, DATABASE, DATABASE)
        self.secrets.change({_KEY: KINDS[_KEY].generate(), f"{_KEY}_until_{now}": old})
        self.docker.api.start(self.env.server(self.engine).container)
        console = ServerConsole(engine_named(self.engine), self.env)
        GenerationSwap(self.docker, self.env, console, self.progress).open()
        tool.prepare()
        return Outcome(changed=True, facts={"removed": 1, "put_aside": str(aside)})
