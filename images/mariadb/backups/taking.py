"""Takes a backup of the live server, from its files and through a login, without stopping it."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Any

from backups import repository
from backups.majors import image_major
from backups.server import Server, options_file, sequence
from backups.trouble import Trouble

DATA = "/var/lib/mysql/current"
STREAM = "/backup.mbstream"
_NOTES = Path("/tmp/notes")


def take(order: dict[str, Any]) -> None:
    """Takes a backup, which counts once the snapshot with its description is there: what a killed run leaves has no description."""
    server = Server()
    started = server.sample().moment
    shutil.rmtree(_NOTES, ignore_errors=True)
    stored = repository.store_output(_command(order), STREAM, {"kind": "stream", "backup": order["name"]})
    checkpoints, info = _notes("checkpoints"), _notes("info")
    repository.store_files(
        _NOTES,
        {
            "kind": "backup",
            "name": order["name"],
            "needs": "+".join(order["needs"]),
            "stream": stored["snapshot_id"],
            "size": str(stored["data_added_packed"]),
            "server": server.id,
            "major": image_major(),
            "log": _log(info["binlog_pos"]),
            "number": str(_number(info["binlog_pos"])),
            "lsn": checkpoints["to_lsn"],
            "started": str(started),
            # It is of a moment before the tool's end.
            "consistent": str(time.time_ns() // 1000),
        },
    )


def _command(order: dict[str, Any]) -> list[str]:
    command = [
        "mariadb-backup", f"--defaults-extra-file={options_file()}", "--backup", "--stream=mbstream",
        f"--host={os.environ['DB_HOST']}", f"--datadir={DATA}", "--target-dir=/tmp", "--tmpdir=/tmp", f"--extra-lsndir={_NOTES}",
    ]  # fmt: skip
    return [*command, f"--incremental-lsn={order['lsn']}"] if order["needs"] else command


def _notes(name: str) -> dict[str, str]:
    """Reads what mariadb-backup writes down about its work. Before 11.1 the file has the name of the program that it comes from."""
    files = [_NOTES / f"{tool}_{name}" for tool in ("mariadb_backup", "xtrabackup")]
    lines = next(filter(Path.exists, files), files[0]).read_text(encoding="utf-8").splitlines()
    return {key.strip(): value.strip() for key, _, value in (line.partition("=") for line in lines)}


def _log(position: str) -> str:
    # filename 'mariadb-bin.000003', position '344', GTID of the last change '0-1-2'
    return position.split("'")[1]


def _number(position: str) -> int:
    words = position.split("'")
    if len(words) < 6:
        raise Trouble(f"mariadb-backup names no GTID ({position})")
    return sequence(words[5])
