"""The durable database's schema, moved along one of its two branches by one process at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError

from orders.engine import ENGINES
from orders.schema_range import VERSION_TABLE

BRANCHES = ("expand", "contract")
_LOCK = "echobase.migrations"
_LOCK_WAIT_SECONDS = 60
# A statement that waits longer for the live release's transactions gives way: all that comes after would queue behind it.
_METADATA_WAIT_SECONDS = 5


class SchemaBusy(Exception):
    """Another process migrates, or running transactions leave no gap."""


@dataclass(frozen=True)
class Move:
    before: list[str]
    after: list[str]

    @property
    def changed(self) -> bool:
        return self.before != self.after

    def as_dict(self) -> dict[str, object]:
        return asdict(self) | {"changed": self.changed}


class Schema:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._kind = ENGINES[engine.dialect.name]
        self._config = Config()
        self._config.set_main_option("script_location", str(Path(__file__).parent))
        self._scripts = ScriptDirectory.from_config(self._config)

    def heads(self) -> list[str]:
        """How far each branch has been applied, those included that the version table only implies."""
        with self._engine.connect() as connection:
            return self._heads(connection)

    def upgrade(self, branch: str) -> Move:
        return self._move(lambda: command.upgrade(self._config, f"{branch}@head"))

    def downgrade(self, branch: str) -> Move:
        """Takes the whole branch back; for the expand branch that means every table."""
        return self._move(lambda: command.downgrade(self._config, f"{branch}@base"))

    def _move(self, act: Callable[[], None]) -> Move:
        with self._alone() as connection:
            before = self._heads(connection)
            self._config.attributes["connection"] = connection
            try:
                act()
            except OperationalError as error:
                if not self._kind.is_lock_timeout(error.orig):
                    raise
                raise SchemaBusy(
                    f"transactions of others held a table for more than {_METADATA_WAIT_SECONDS} s; try again when they have ended"
                ) from error
            connection.commit()
            return Move(before, self._heads(connection))

    @contextmanager
    def _alone(self) -> Iterator[Connection]:
        with self._engine.connect() as holder, self._engine.connect() as connection:
            if not self._kind.take_lock(holder, _LOCK, _LOCK_WAIT_SECONDS):
                raise SchemaBusy("another process is migrating this database")
            try:
                self._kind.limit_schema_waits(connection, _METADATA_WAIT_SECONDS)
                connection.commit()
                yield connection
            finally:
                self._kind.release_lock(holder, _LOCK)

    def _heads(self, connection: Connection) -> list[str]:
        rows = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE}).get_current_heads()
        connection.rollback()
        applied = {script.revision for script in self._scripts.iterate_revisions(rows, "base", implicit_base=True)} if rows else set()
        newest = {branch: max((name for name in applied if name.startswith(f"{branch}_")), default=None) for branch in BRANCHES}
        return [name for name in newest.values() if name]
