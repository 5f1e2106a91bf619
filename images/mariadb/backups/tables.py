"""What the tables of a database hold, in one consistent view: rows, and a checksum of them."""

from __future__ import annotations

from typing import Any

import pymysql

from backups.server import local_root, sequence


def contents(database: str) -> dict[str, list[Any]]:
    with local_root() as connection, connection.cursor() as cursor:
        _begin_view(cursor)
        return _tables(cursor, database)


def mark(database: str) -> dict[str, Any]:
    """The last transaction that the view shows, and what the view shows."""
    with local_root() as connection, connection.cursor() as cursor:
        _begin_view(cursor)
        cursor.execute("SHOW STATUS LIKE 'binlog_snapshot_%'")
        seen = {name.lower(): value for name, value in cursor.fetchall()}
        cursor.execute(
            "SELECT @@global.server_id, BINLOG_GTID_POS(%s, %s)",
            (seen["binlog_snapshot_file"], int(seen["binlog_snapshot_position"])),
        )
        server, position = cursor.fetchone() or ("", "")
        return {"server": str(server), "number": sequence(position or ""), "tables": _tables(cursor, database)}


def server_id() -> str:
    with local_root() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT @@global.server_id")
        return str((cursor.fetchone() or ("",))[0])


def _begin_view(cursor: pymysql.cursors.Cursor) -> None:
    cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")


def _tables(cursor: pymysql.cursors.Cursor, database: str) -> dict[str, list[Any]]:
    cursor.execute(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = %s AND table_type = 'BASE TABLE' ORDER BY table_name",
        (database,),
    )
    found: dict[str, list[Any]] = {}
    for (table,) in cursor.fetchall():
        name = f"`{database}`.`{table}`"
        cursor.execute(f"SELECT COUNT(*) FROM {name}")
        rows = (cursor.fetchone() or (0,))[0]
        # Reads the rows of the view, in any order.
        cursor.execute(f"CHECKSUM TABLE {name} EXTENDED")
        found[table] = [rows, str((cursor.fetchone() or (None, None))[1])]
    return found
