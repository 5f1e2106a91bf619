"""How Alembic sends statements here: one at a time through `Statements`, on MariaDB with the demand that no table is locked.

Defining the classes is what makes Alembic use them: it looks them up by dialect.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from alembic.ddl.impl import DefaultImpl
from alembic.ddl.mysql import MariaDBImpl
from alembic.ddl.postgresql import PostgresqlImpl
from sqlalchemy import CursorResult, Executable
from sqlalchemy.schema import DDLElement
from sqlalchemy.sql.elements import TextClause

from migrations.statements import Statements

# MariaDB then takes the cheapest way that lets others write on, and refuses when there is none, instead of locking the table.
_NO_LOCK = {"ALTER TABLE": ", LOCK=NONE", "CREATE INDEX": " LOCK=NONE", "CREATE UNIQUE INDEX": " LOCK=NONE"}


class _OneAtATime(DefaultImpl):
    # Each statement commits alone on both engines: a lock must not be kept while the next statement waits for another one.
    transactional_ddl = False

    def _exec(
        self,
        construct: Executable | str,
        execution_options: Mapping[str, Any] | None = None,
        multiparams: Sequence[Mapping[str, Any]] | None = None,
        params: Mapping[str, Any] = sa.util.EMPTY_DICT,
    ) -> CursorResult[Any] | None:
        if isinstance(construct, str):
            construct = sa.text(construct)
        if isinstance(construct, DDLElement) or (isinstance(construct, TextClause) and not construct.compile().params):
            construct = self._without_lock(construct)

        def send() -> CursorResult[Any] | None:
            return super(_OneAtATime, self)._exec(construct, execution_options, multiparams, params)

        statements: Statements | None = self.context_opts.get("statements")
        # This statement is none of a revision: it is the version table's own.
        if self.as_sql or statements is None or not isinstance(construct, sa.DDL):
            return send()
        return statements.run(str(construct.statement), send)

    def _without_lock(self, construct: DDLElement | TextClause) -> sa.DDL:
        statement = str(construct.compile(dialect=self.dialect)).strip()
        if self.dialect.name == "mariadb":
            statement += next((demand for start, demand in _NO_LOCK.items() if statement.startswith(start)), "")
        return sa.DDL(statement)  # type: ignore[no-untyped-call]


class MariaDbOneAtATime(_OneAtATime, MariaDBImpl):
    __dialect__ = "mariadb"


class PostgreSqlOneAtATime(_OneAtATime, PostgresqlImpl):
    __dialect__ = "postgresql"
    transactional_ddl = False
