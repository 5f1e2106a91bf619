"""A migration on a copy of the database that comes from a backup, and then releases at work on what it left."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.colours.smoke_test import SmokeTest
from ansible_collections.echobase.platform.plugins.module_utils.credentials.reader import read_secret
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment
from ansible_collections.echobase.platform.plugins.module_utils.migrations.job import MigrationJob, ReachableDatabase
from ansible_collections.echobase.platform.plugins.module_utils.migrations.release_on_copy import (
    REHEARSAL_COLOUR,
    DeployedRelease,
    ReleaseOnCopy,
)

if TYPE_CHECKING:
    from docker import DockerClient


@dataclass(frozen=True)
class MigrationRehearsal:
    """`copy` gives a database that nobody else uses, for as long as its block lasts."""

    docker: DockerClient
    env: Environment
    image: str
    releases: Sequence[DeployedRelease]
    copy: Callable[[], AbstractContextManager[ReachableDatabase]]

    def run(self, action: str) -> dict[str, Any]:
        began = time.monotonic()
        with self.copy() as database:
            restored = time.monotonic()
            try:
                move = MigrationJob(self.docker, self.env, self.image, database).run(action, "--watch")
                passed = {release.name: self._smoke_test(release, database) for release in self.releases}
            except Refusal as refusal:
                raise Refusal(
                    f"the rehearsal of {action} on a restored copy failed: {refusal.cause}",
                    f"the live schema is untouched; correct the migration or the release, then run {playbook('deploy')}",
                ) from refusal
        return {
            "statements": move["statements"],
            "passed": passed,
            "restore_seconds": round(restored - began, 1),
            "seconds": round(time.monotonic() - began, 1),
        }

    def _smoke_test(self, release: DeployedRelease, database: ReachableDatabase) -> list[str]:
        with ReleaseOnCopy(self.docker, self.env, release, database).serving() as client:
            test = SmokeTest(client, REHEARSAL_COLOUR, release.name, read_secret(self.env, "operator_password"))
            test.place_order()
            return test.passed
