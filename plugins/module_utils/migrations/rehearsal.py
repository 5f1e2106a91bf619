"""A migration on a copy of the database that comes from a backup, and then releases at work on what it left."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ansible_collections.echobase.platform.plugins.module_utils.application.stored import Deployed
from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment
from ansible_collections.echobase.platform.plugins.module_utils.migrations.job import SCHEMA, MigrationJob, ReachableDatabase
from ansible_collections.echobase.platform.plugins.module_utils.migrations.release_on_copy import ReleaseOnCopy

if TYPE_CHECKING:
    from docker import DockerClient


@dataclass(frozen=True)
class MigrationRehearsal:
    """`copy` gives a database that nobody else uses, for as long as its block lasts."""

    docker: DockerClient
    env: Environment
    release: Deployed
    # Those that have to work on what the migration leaves, by what a user knows them by.
    releases: Mapping[str, Deployed]
    copy: Callable[[], AbstractContextManager[ReachableDatabase]]

    def run(self, action: str) -> dict[str, Any]:
        began = time.monotonic()
        with self.copy() as database:
            restored = time.monotonic()
            try:
                statements = self._migrated(action, database)
                passed = {name: ReleaseOnCopy(self.docker, self.env, release, database).prove() for name, release in self.releases.items()}
            except Refusal as refusal:
                raise Refusal(
                    f"the rehearsal of {action} on a restored copy failed: {refusal.cause}",
                    f"the live schema is untouched; correct the migration or the release, then run {playbook('deploy')}",
                ) from refusal
        return {
            "statements": statements,
            "passed": passed,
            "restore_seconds": round(restored - began, 1),
            "seconds": round(time.monotonic() - began, 1),
        }

    def _migrated(self, action: str, database: ReachableDatabase) -> list[dict[str, Any]]:
        """What each statement cost; a plain command says nothing of its statements."""
        if SCHEMA in self.release.definition.settings.jobs:
            return list(MigrationJob(self.docker, self.env, self.release, database).run(action, "--watch")["statements"])
        MigrationJob(self.docker, self.env, self.release, database, action).run()
        return []
