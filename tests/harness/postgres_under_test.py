"""A durable PostgreSQL with its repository, in an environment that no other test uses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from ansible_collections.echobase.platform.plugins.module_utils.database.backup_tool import Backup, Point
from ansible_collections.echobase.platform.plugins.module_utils.durable_db.trial_server import TrialServer, trial_server, trial_volume
from ansible_collections.echobase.platform.plugins.module_utils.engines.postgresql.backups import PostgresBackups
from ansible_collections.echobase.platform.plugins.module_utils.engines.postgresql.session import PostgresSession
from ansible_collections.echobase.platform.plugins.module_utils.environment.backup_target import BackupTarget, default_target
from ansible_collections.echobase.platform.plugins.module_utils.storage.generations import FIRST_GENERATION, DataVolume
from harness.durable_server import DurableServer
from harness.images_under_test import image_tag


class PostgresUnderTest(DurableServer):
    def __init__(self, home: Path, name: str, number: int, target: BackupTarget | None = None) -> None:
        super().__init__("postgresql", home, name, number)
        self.target = target or default_target(self.env, self.engine)

    @property
    def tool(self) -> PostgresBackups:
        return PostgresBackups(self.docker, self.env, self.target, patience=30)

    @property
    def repository(self) -> Path:
        return Path(self.target.location)

    @property
    def volume(self) -> DataVolume:
        return DataVolume(self.docker, self.env.name, self.names.volume, image_tag("postgres"))

    @contextmanager
    def session(self) -> Iterator[PostgresSession]:
        with PostgresSession(self.names.container, self.env.database) as session:
            session.ask("SET search_path = public")
            yield session

    def rows(self, statement: str) -> list[list[str]]:
        with self.session() as session:
            return session.ask(statement)

    def now(self) -> datetime:
        return _moment(self.rows("SELECT clock_timestamp()"))

    def write_steps(self, first: int, last: int) -> dict[int, datetime]:
        """Writes numbered rows, one transaction for each, and gives a moment after each and before the next."""
        moments = {}
        with self.session() as session:
            session.ask("CREATE TABLE IF NOT EXISTS steps (number int PRIMARY KEY, text text)")
            for number in range(first, last + 1):
                session.ask(f"INSERT INTO steps VALUES ({number}, 'step')")
                moments[number] = _moment(session.ask("SELECT clock_timestamp()"))
        return moments

    @contextmanager
    def restored(self, backup: Backup, point: Point) -> Iterator[TrialServer]:
        with trial_volume(self.docker, self.env, self.engine) as volume:
            self.tool.restore(backup, point, volume, FIRST_GENERATION)
            with trial_server(self.docker, self.env, self.engine, volume, FIRST_GENERATION) as trial:
                yield trial

    def swap(self, backup: Backup, point: Point) -> None:
        """Has the server serve what a restore gives, in a second generation."""
        self.tool.restore(backup, point, self.names.volume, self.volume.building("000002"))
        self.volume.settle("000002")
        self.ensure("stopped")
        self.volume.serve("000002")
        self.ensure()


def highest_step(server: PostgresUnderTest | TrialServer) -> int:
    """Gives the highest number, after checking that all numbers up to it are there, and no other."""
    statement = "SELECT count(*), max(number) FROM public.steps WHERE number > 0"
    ((count, last),) = server.rows(statement) if isinstance(server, PostgresUnderTest) else server.console.query(statement)
    assert int(count) == int(last or 0)
    return int(count)


def _moment(answer: list[list[str]]) -> datetime:
    """By the server's clock, to the microsecond."""
    return datetime.fromisoformat(answer[0][0]).astimezone(UTC)
