"""The durable database's schema, moved along one of its two branches by one process at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.runtime.migration import MigrationContext
from alembic.script import Script
from sqlalchemy import Connection, Engine

from migrations.backfill import Backfill
from migrations.journal import JOURNAL_TABLE, HalfDone, Journal
from migrations.replica_pace import ReplicaPace
from migrations.scripts import Scripts, requirements
from migrations.statements import Ran, SchemaBusy, Statements
from migrations.throttle import Throttle
from migrations.writer import Writer
from orders.engine import ENGINES
from orders.schema_range import VERSION_TABLE

BRANCHES = ("expand", "contract")
OWN_TABLES = (VERSION_TABLE, JOURNAL_TABLE)
# Statements go on trying for this long, and another migration may be under way for this long.
PATIENCE_SECONDS = 60.0
_LOCK = "echobase.migrations"


@dataclass(frozen=True)
class Move:
    before: list[str]
    after: list[str]
    ran: list[Ran] = field(default_factory=list)
    rows_filled: int = 0

    @property
    def changed(self) -> bool:
        return self.before != self.after or self.rows_filled > 0

    def as_dict(self) -> dict[str, object]:
        return {
            "before": self.before,
            "after": self.after,
            "changed": self.changed,
            "statements": [one.as_dict() for one in self.ran],
            "rows_filled": self.rows_filled,
        }


@dataclass(frozen=True)
class BackfillState:
    revision: str
    rows_done: int
    rows_left: int


@dataclass(frozen=True)
class State:
    """`pending` has all that is still to be applied, by branch; nothing but the version table and the journal counts for `empty`."""

    heads: list[str]
    pending: dict[str, list[str]]
    half_done: list[HalfDone]
    backfills: list[BackfillState]
    empty: bool
    # What somebody should know about the data, in words.
    notices: list[str]

    def as_dict(self) -> dict[str, object]:
        return {
            "heads": self.heads,
            "pending": self.pending,
            "half_done": [one.as_dict() for one in self.half_done],
            "backfills": [vars(one) for one in self.backfills],
            "empty": self.empty,
            "notices": self.notices,
        }


class Schema:
    def __init__(self, engine: Engine, patience: float = PATIENCE_SECONDS, watch: bool = False, replica: Engine | None = None) -> None:
        self._engine = engine
        self._patience = patience
        self._watch = watch
        self._replica = replica
        self._kind = ENGINES[engine.dialect.name]
        self._scripts = Scripts(engine.dialect.name)
        self._config = self._scripts.config

    def heads(self) -> list[str]:
        """How far each branch has been applied, those included that the version table only implies."""
        with self._connect() as connection:
            return self._heads(connection)

    def state(self) -> State:
        with self._connect() as connection:
            journal = Journal(connection)
            applied = self._applied(connection)
            pending = {branch: [script.revision for script in self._pending(branch, applied)] for branch in BRANCHES}
            backfills = [
                BackfillState(script.revision, journal.progress(script.revision).rows_done, backfill.remaining(connection))
                for script, backfill in self._backfills(applied)
            ]
            return State(
                self._heads(connection),
                pending,
                journal.half_done(applied),
                backfills,
                _is_empty(connection),
                self._notices(connection, applied),
            )

    def upgrade(self, branch: str) -> Move:
        with self._alone() as (connection, journal):
            before = self._heads(connection)
            applied = self._applied(connection)
            pending = self._pending(branch, applied)
            with self._watching() as writer:
                statements = Statements(connection, journal, self._patience, writer)
                for script in pending:
                    self._apply(script, statements)
            return Move(before, self._heads(connection), statements.ran)

    def downgrade(self, branch: str) -> Move:
        """Takes the whole branch back; for the expand branch that means every table."""
        with self._alone() as (connection, journal):
            before, applied = self._heads(connection), self._applied(connection)
            self._config.attributes |= {"connection": connection, "statements": None}
            command.downgrade(self._config, f"{branch}@base")
            for revision in applied - self._applied(connection):
                journal.forget(revision)
            return Move(before, self._heads(connection))

    def backfill(self) -> Move:
        """The slow part of contracts to come, as far as the schema is ready for it."""
        with self._alone() as (connection, journal):
            heads, applied = self._heads(connection), self._applied(connection)
            filled = 0
            for script, backfill in self._backfills(applied):
                filled += backfill.run(connection, journal, script.revision, self._throttle())
            return Move(heads, heads, rows_filled=filled)

    def sql(self, branch: str) -> str:
        """Gives all statements that `upgrade` would send."""
        with self._connect() as connection:
            pending = self._pending(branch, self._applied(connection))
        return "".join(self._scripts.sql(script) for script in pending)

    def _apply(self, script: Script, statements: Statements) -> None:
        statements.revision = script.revision
        statements.journal.begin(script.revision)
        self._config.attributes |= {"connection": statements.connection, "statements": statements, "throttle": self._throttle()}
        command.upgrade(self._config, script.revision)
        statements.journal.finish(script.revision, statements.done)

    def _pending(self, branch: str, applied: set[str]) -> list[Script]:
        return [script for script in self._scripts.of_branch(branch) if script.revision not in applied]

    def _applied(self, connection: Connection) -> set[str]:
        return self._scripts.implied_by(MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE}).get_current_heads())

    def _heads(self, connection: Connection) -> list[str]:
        applied = self._applied(connection)
        newest = {branch: max((name for name in applied if name.startswith(f"{branch}_")), default=None) for branch in BRANCHES}
        return [name for name in newest.values() if name]

    def _backfills(self, applied: set[str]) -> list[tuple[Script, Backfill]]:
        """The backfills of contracts to come; one is ready when the expand that made its column is applied."""
        ready = [script for script in self._pending("contract", applied) if applied.issuperset(requirements(script))]
        return [(script, script.module.BACKFILL) for script in ready if hasattr(script.module, "BACKFILL")]

    def _notices(self, connection: Connection, applied: set[str]) -> list[str]:
        scripts = [script for script in self._scripts.of_branch("expand") if script.revision in applied]
        return [notice for script in scripts if hasattr(script.module, "notices") for notice in script.module.notices(connection)]

    @contextmanager
    def _alone(self) -> Iterator[tuple[Connection, Journal]]:
        with self._engine.connect() as holder, self._connect() as connection, self._connect() as notes:
            if not self._kind.take_lock(holder, _LOCK, int(self._patience)):
                raise SchemaBusy("another process is migrating this database")
            try:
                self._kind.limit_schema_waits(notes, 60)
                journal = Journal(notes)
                journal.prepare()
                yield connection, journal
            finally:
                self._kind.release_lock(holder, _LOCK)

    def _connect(self) -> Connection:
        """Each statement is a transaction: nothing is locked while nothing happens."""
        return self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")

    def _throttle(self) -> Throttle:
        return Throttle(pace=ReplicaPace(self._engine, self._replica) if self._replica else None)

    def _watching(self) -> Any:
        return Writer(self._engine, OWN_TABLES).at_work() if self._watch else nullcontext()


def _is_empty(connection: Connection) -> bool:
    quote = connection.dialect.identifier_preparer.quote
    tables = set(sa.inspect(connection).get_table_names()) - set(OWN_TABLES)
    return not any(connection.scalar(sa.text(f"SELECT 1 FROM {quote(table)} LIMIT 1")) for table in tables)
