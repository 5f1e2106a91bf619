"""What the collection makes of pgBackRest's answers; the tool itself is asked by tests/integration/durable/test_postgres_backups.py."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from docker import DockerClient

from ansible_collections.echobase.platform.plugins.module_utils.engines.postgresql.backups import PostgresBackups
from ansible_collections.echobase.platform.plugins.module_utils.engines.postgresql.pgbackrest import PgBackrest
from ansible_collections.echobase.platform.plugins.module_utils.environment.backup_target import BackupTarget
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import environment

TAKEN = datetime(2026, 11, 29, 6, tzinfo=UTC)
ARCHIVED = datetime(2026, 11, 29, 6, 30, tzinfo=UTC)


class Tool(PgBackrest):
    """A repository with two backups and the segments 2 to 5 of the log."""

    def stanza(self) -> dict[str, Any]:
        entries = [
            {
                "label": label,
                "type": "full",
                "reference": None,
                "database": {"id": 1},
                "archive": {"start": segment(number), "stop": segment(number)},
                "lsn": {"stop": f"0/{number}000148"},
                "timestamp": {"start": TAKEN.timestamp(), "stop": TAKEN.timestamp()},
                "info": {"repository": {"delta": 1}},
            }
            for label, number in (("first", 2), ("second", 4))
        ]
        return {"db": [{"id": 1, "version": "17", "system-id": 7}], "backup": entries}

    def table(self, *arguments: str) -> Any:
        return {f"{segment(number)}-{'a' * 40}.zst": {"type": "file", "time": TAKEN.timestamp()} for number in (2, 3, 4, 5)}

    def attempt(self, *command: str) -> tuple[int, str, str]:
        """The last thing that a segment tells a moment of."""
        return 0, f"{ARCHIVED:%Y%m%dT%H%M%S.%f}\n", ""


class Place:
    """A server that is asleep when it is asked first, and writes into its log right after that."""

    def __init__(self) -> None:
        self._offsets = iter(("40", "312", "312"))

    @contextmanager
    def tool(self) -> Iterator[PgBackrest]:
        yield Tool(cast(DockerClient, None), "")

    def is_live(self) -> bool:
        return True

    def session(self) -> Any:
        return nullcontext(self)

    def ask(self, _: str) -> list[list[str]]:
        return [[segment(6), next(self._offsets)]]


def segment(number: int) -> str:
    return f"00000001{number:016X}"


@pytest.fixture
def backups(tmp_path: Path) -> PostgresBackups:
    backups = PostgresBackups(cast(DockerClient, None), environment("test", str(tmp_path)), BackupTarget("/backups"))
    backups._place = cast(Any, Place())
    return backups


def test_backups_that_one_log_continues_reach_equally_far_though_the_server_writes_meanwhile(backups: PostgresBackups) -> None:
    first, second = backups.archives_after(backups.backups())
    assert first == second
    assert first.until > ARCHIVED
    # Asked again, the log tells how far it is.
    assert {archive.until for archive in backups.archives_after(backups.backups())} == {ARCHIVED}
