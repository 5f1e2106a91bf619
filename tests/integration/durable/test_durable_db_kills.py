"""Whoever brings a durable database to its state is killed between any two steps: run again, it does the rest, and nothing is lost."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import docker
import pytest

from ansible_collections.echobase.platform.plugins.module_utils.durable_db.ensure import DatabaseStep, DurableDb, WantedDatabase
from ansible_collections.echobase.platform.plugins.module_utils.durable_db.final_backup import FinalBackup
from harness.durable_server import PATIENCE_SECONDS, DurableServer, durable_server

pytestmark = pytest.mark.long


@dataclass
class Doomed(DurableDb):
    """Dies where its next step would begin."""

    steps_left: int = 0

    def _apply(self, step: DatabaseStep, wanted: WantedDatabase) -> None:
        if self.steps_left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self.steps_left -= 1
        super()._apply(step, wanted)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DurableServer]:
    """The tests below go through its life, one after the other. The steps are the same for both engines."""
    with durable_server("postgresql", tmp_path_factory.mktemp("kills"), "zz-a-kills", 40) as server:
        yield server


def kills(server: DurableServer, state: str = "present", **wanted: str) -> Iterator[int]:
    """One run after the other, each killed a step later than the one before, until one comes through; looked at is what each one left."""
    for steps in count():
        child = os.fork()
        if child == 0:
            try:
                server.docker = docker.from_env()
                backup = FinalBackup(server.env)
                doomed = Doomed(server.backend, backup, server.env.name, PATIENCE_SECONDS, steps_left=steps)
                doomed.ensure(WantedDatabase(state, key_fingerprint=server.prepare(), **wanted), check_mode=False)
                os._exit(0)
            finally:
                os._exit(1)
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status):
            assert os.WEXITSTATUS(status) == 0
            assert steps > 1
            return
        yield steps


def kept(server: DurableServer) -> list[tuple[str]]:
    return server.sql("app_user", "SELECT note FROM kept")  # type: ignore[return-value]


def test_killed_while_it_is_made(server: DurableServer) -> None:
    assert len(list(kills(server))) >= 3
    assert server.ensure().changed is False
    server.sql("migrate_user", "CREATE TABLE kept (note VARCHAR(20))")
    server.sql("app_user", "INSERT INTO kept VALUES ('still here')")


def test_killed_while_it_gets_another_configuration(server: DurableServer) -> None:
    server.options["connections"] = 60
    assert len(list(kills(server, recreate="always"))) >= 2
    assert server.ensure().facts["drift"] == []
    assert kept(server) == [("still here",)]


def test_killed_while_it_is_stopped_and_started(server: DurableServer) -> None:
    server.ensure("stopped")
    for _ in kills(server):
        assert server.backend.observe(True).data_fingerprint is not None
    assert kept(server) == [("still here",)]


def test_killed_while_its_data_are_deleted(server: DurableServer) -> None:
    """There are the data, or a whole dump of them and the keys; last there is neither of the former."""
    dumps = Path(server.env.home).parent / "final-backups"
    for _ in kills(server, "absent", confirm=server.names.volume):
        has_data = server.backend.observe(False).data_fingerprint is not None
        assert has_data or [dump for dump in dumps.iterdir() if (dump / "secrets.json").exists()]
    assert server.backend.observe(False).data_fingerprint is None
    assert list(dumps.glob("*/all-databases.sql.gz"))
    assert not Path(server.env.path("secrets.json")).exists()
