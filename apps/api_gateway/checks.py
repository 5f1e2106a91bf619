"""What the gateway depends on, asked each time anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from orders.database import Database, DatabaseAway
from orders.dead_letters import DeadLetters
from orders.notes import Notes
from orders.schema_range import VERSION_TABLE, SchemaRevisions

Answer = TypeVar("Answer")

_PATIENCE_SECONDS = 0.5
# It counts those of every colour.
_LETTERS = DeadLetters("")


@dataclass(frozen=True)
class Checks:
    database: bool
    schema: SchemaRevisions | None
    encryption: bool
    # How many wait for an operator. It says nothing about readiness; None while nobody can tell.
    dead_letters: int | None = None

    @property
    def schema_within_range(self) -> bool:
        return self.schema is not None and self.schema.within_range

    @property
    def ready(self) -> bool:
        return self.database and self.schema_within_range and self.encryption


def run_checks(database: Database, notes: Notes) -> Checks:
    reachable = database_answers(database)
    schema = _schema(database) if reachable else None
    checks = Checks(reachable, schema, notes.can_seal)
    return replace(checks, dead_letters=_ask(database, _LETTERS.count)) if checks.schema_within_range else checks


def database_answers(database: Database) -> bool:
    return _ask(database, lambda connection: connection.scalar(text("SELECT 1"))) is not None


def _schema(database: Database) -> SchemaRevisions | None:
    rows = _ask(database, lambda connection: connection.scalars(text(f"SELECT version_num FROM {VERSION_TABLE}")).all())
    return None if rows is None else SchemaRevisions.of(rows)


def _ask(database: Database, question: Callable[[Connection], Answer]) -> Answer | None:
    try:
        return database.transaction(question, patience=_PATIENCE_SECONDS)
    except (DatabaseAway, SQLAlchemyError, OSError):
        # OSError: the file with the password is not there.
        return None
