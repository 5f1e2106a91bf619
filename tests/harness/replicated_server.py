"""A durable database with its replica, as module durable_db makes them, in an environment of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome
from ansible_collections.echobase.platform.plugins.module_utils.database.server_definition import ServerDefinition
from ansible_collections.echobase.platform.plugins.module_utils.durable_db.ensure import DurableDb, WantedDatabase
from ansible_collections.echobase.platform.plugins.module_utils.durable_db.final_backup import FinalBackup
from ansible_collections.echobase.platform.plugins.module_utils.engines.registry import engine_named
from ansible_collections.echobase.platform.plugins.module_utils.replica.ensure import DurableReplica
from ansible_collections.echobase.platform.plugins.module_utils.replica.pair import ensure_pair
from ansible_collections.echobase.platform.plugins.module_utils.replica.state import ReplicaState, ReplicaWatch
from ansible_collections.echobase.platform.plugins.module_utils.storage.volume import DatabaseVolume
from harness.durable_server import PATIENCE_SECONDS, DurableServer
from harness.images_under_test import image_tag


class ReplicatedServer(DurableServer):
    @property
    def replica(self) -> Any:
        return self.env.replica(self.engine)

    @property
    def watch(self) -> ReplicaWatch:
        return ReplicaWatch(self.docker, self.env, self.engine)

    @property
    def state(self) -> ReplicaState:
        return self.watch.look()

    @property
    def definition(self) -> ServerDefinition:
        return engine_named(self.engine).definition(env=self.env, image=image_tag(self.names.service), **self.options)

    def pair(
        self, state: str = "present", *, replica: bool = True, rebuild: bool = False, check: bool = False, confirm: str = ""
    ) -> Outcome:
        """Brings database and replica to the wanted state, as module durable_db does."""
        wanted = WantedDatabase(state, key_fingerprint=self.prepare(), confirm=confirm, final_backup=False)
        follower = DurableReplica(self.docker, replace(self.definition, follows=True), wait_timeout=3)
        database = DurableDb(self.backend, FinalBackup(self.env), self.env.name, wait_timeout=PATIENCE_SECONDS)
        return ensure_pair(database, follower, wanted, with_replica=replica, rebuild=rebuild, check_mode=check)

    def at_replica(self, statement: str) -> list[list[str]]:
        return self.watch.console.query(statement)

    def remove(self) -> None:
        # The archiver that a promotion made is removed, too.
        for container in self.docker.containers.list(all=True, filters={"name": self.names.container}):
            container.remove(force=True, v=True)
        volume = DatabaseVolume(self.docker, replace(self.definition, follows=True))
        if volume.key_fingerprint() is not None:
            volume.remove()
        super().remove()


@contextmanager
def replicated_server(engine: str, home: Path, name: str, number: int) -> Iterator[ReplicatedServer]:
    server = ReplicatedServer(engine, home, name, number)
    try:
        yield server
    finally:
        server.remove()
