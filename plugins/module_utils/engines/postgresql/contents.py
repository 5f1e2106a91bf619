"""What the tables of a PostgreSQL database hold, as rows and a checksum of each, and a moment of which that is known exactly."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.engines.postgresql.session import PostgresSession

# Unlogged tables are empty after every recovery.
_TABLES = """
    SELECT format('%I.%I', nspname, relname) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
    WHERE relkind = 'r' AND relpersistence = 'p' AND nspname !~ '^(pg_|information_schema$)' ORDER BY 1
"""
# The sum does not depend on the order of the rows.
_CONTENT = "SELECT '{0}', count(*), coalesce(sum(hashtextextended(t::text, 0)), 0) FROM {1} t"
# A writer that comes while we wait for the lock waits behind us.
_SHORTEST_WAIT_MS, _LONGEST_WAIT_MS = 100, 1600
_PATIENCE_SECONDS = 60.0

Contents = dict[str, tuple[int, str]]


def contents(container: str, database: str) -> Contents:
    with PostgresSession(container, database) as session:
        return _counted(session, _tables(session))


def marked_contents(container: str, database: str) -> tuple[str, Contents]:
    """Writers are held off for as long as it takes to name a point of the log and to begin a snapshot, not while rows are counted."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    wait = _SHORTEST_WAIT_MS
    while True:
        with PostgresSession(container, database) as counting, PostgresSession(container, database) as locking:
            tables = _tables(locking)
            try:
                _hold_writers(locking, tables, wait)
            except Refusal as refusal:
                if "timeout" not in refusal.cause and "deadlock" not in refusal.cause:
                    raise
                if time.monotonic() > deadline:
                    raise Refusal(
                        f"{container}: a transaction keeps its tables locked for more than {_PATIENCE_SECONDS:.0f} s",
                        "find it in pg_stat_activity and end it, then run this again",
                    ) from refusal
                wait = min(wait * 2, _LONGEST_WAIT_MS)
                continue
            counting.ask("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            mark = _named_point(counting)
            locking.ask("ROLLBACK")
            if _tables(counting) == tables:
                return mark, _counted(counting, tables)
            # A table came or went before the lock was ours.


def _hold_writers(session: PostgresSession, tables: list[str], wait: int) -> None:
    session.ask("SET idle_in_transaction_session_timeout = '5s'")
    session.ask("BEGIN")
    session.ask(f"SET LOCAL statement_timeout = {wait}")
    if tables:
        session.ask(f"LOCK TABLE {', '.join(tables)} IN SHARE MODE")


def _named_point(session: PostgresSession) -> str:
    """Its first statement begins the snapshot. The name ends with the timeline it is on."""
    name = f"mark-{datetime.now(UTC):%Y%m%dT%H%M%S.%f}"
    timeline = "substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8)"
    point = f"'{name}-' || {timeline}"
    return session.ask(f"SELECT mark FROM (SELECT {point} AS mark) m, pg_create_restore_point(mark)")[0][0]


def timeline_of(mark: str) -> int:
    try:
        return int(mark.rpartition("-")[2], 16)
    except ValueError as error:
        raise Refusal(
            f"{mark} is no mark of a PostgreSQL database", f"{playbook('backup')} tells the mark of each backup that it takes"
        ) from error


def _tables(session: PostgresSession) -> list[str]:
    return [name for (name,) in session.ask(_TABLES)]


def _counted(session: PostgresSession, tables: list[str]) -> Contents:
    counts = [session.ask(_CONTENT.format(table.replace("'", "''"), table))[0] for table in tables]
    return {table: (int(rows), checksum) for table, rows, checksum in counts}
