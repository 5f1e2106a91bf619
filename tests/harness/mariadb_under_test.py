"""A durable MariaDB with its archiver and its repository, in an environment that no other test uses."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pymysql
from docker.errors import NotFound

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.database.backup_tool import Backup, Point
from ansible_collections.echobase.platform.plugins.module_utils.durable_db.trial_server import TrialServer, trial_server, trial_volume
from ansible_collections.echobase.platform.plugins.module_utils.engines.mariadb.backups import MariadbBackups
from ansible_collections.echobase.platform.plugins.module_utils.environment.backup_target import BackupTarget, default_target
from ansible_collections.echobase.platform.plugins.module_utils.storage.generations import FIRST_GENERATION
from harness.durable_server import DurableServer
from harness.waiting import eventually

# Rotates more often than a user would want, so that a test has many logs.
ARCHIVE_SECONDS = 2


class MariadbUnderTest(DurableServer):
    """A MariaDB that is encrypted, as it is by default."""

    def __init__(self, home: Path, name: str, number: int) -> None:
        super().__init__("mariadb", home, name, number)
        self.options["encrypted"] = True
        self.target = default_target(self.env, self.engine)

    @property
    def tool(self) -> MariadbBackups:
        return self.tool_of(self.target)

    def tool_of(self, target: BackupTarget) -> MariadbBackups:
        return MariadbBackups(self.docker, self.env, target, archive_seconds=ARCHIVE_SECONDS)

    @property
    def container(self) -> str:
        return self.names.container

    @property
    def archiver(self) -> str:
        return f"{self.container}-archiver"

    @property
    def repository(self) -> Path:
        return Path(self.target.location)

    @property
    def history(self) -> str:
        """The beginning of all marks of this data directory."""
        return self.tool.mark()[0].partition("/")[0]

    def rows(self, *statements: str) -> list[tuple[Any, ...]]:
        """Executes the statements and gives the rows of the last one."""
        return [self.sql("migrate_user", statement) for statement in statements][-1]

    def now(self) -> datetime:
        """Gives the time by the server's clock, to the microsecond."""
        moment: datetime = self.rows("SELECT SYSDATE(6)")[0][0]
        return moment.replace(tzinfo=UTC)

    @contextmanager
    def restored(self, backup: Backup, point: Point = Point(), tool: MariadbBackups | None = None) -> Iterator[TrialServer]:  # noqa: B008
        with trial_volume(self.docker, self.env, self.engine) as volume:
            (tool or self.tool).restore(backup, point, volume, FIRST_GENERATION)
            with trial_server(self.docker, self.env, self.engine, volume, FIRST_GENERATION) as trial:
                yield trial

    def snapshot_files(self) -> set[Path]:
        return set((self.repository / "snapshots").iterdir())

    def archives(self) -> bool:
        """Whether the log can be archived, also after something was killed."""
        try:
            self.tool.archive_now()
        except Refusal:
            return False
        return True

    def remove(self) -> None:
        for name in (self.archiver, f"{self.container}-backup"):
            with suppress(NotFound):
                self.docker.api.remove_container(name, force=True, v=True)
        super().remove()


@dataclass
class Writer:
    """Writes numbered rows one after the other, each in a transaction, and remembers what it was answered."""

    database: MariadbUnderTest
    # The number of the transaction in the log, for each row that was acknowledged.
    transactions: dict[int, int] = field(default_factory=dict)
    _enough: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Writer:
        self.database.rows("DROP TABLE IF EXISTS numbered", "CREATE TABLE numbered (number INT PRIMARY KEY, filler VARCHAR(200))")
        self._thread = threading.Thread(target=self._write)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        assert self._thread
        self._thread.join()

    def await_more(self, rows: int) -> None:
        wanted = len(self.transactions) + rows
        eventually(lambda: len(self.transactions) >= wanted, f"{rows} more rows")

    def _write(self) -> None:
        """Writes until it is told to stop, or the server is gone."""
        with self.database.connect("migrate_user") as connection, connection.cursor() as cursor:
            for number in itertools.count(1):
                try:
                    cursor.execute("INSERT INTO numbered VALUES (%s, REPEAT('x', 150))", (number,))
                    cursor.execute("SELECT @@last_gtid")
                except (pymysql.Error, OSError):
                    return
                self.transactions[number] = int(cursor.fetchall()[0][0].rpartition("-")[2])
                if self._enough.is_set():
                    return
