from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.environment.external_database import ExternalDatabase
from ansible_collections.echobase.platform.plugins.module_utils.migrations.external_gate import ExternalGate

NOW = datetime.now(UTC)


def gate(command: str) -> ExternalGate:
    database = ExternalDatabase("mariadb", "db.example.com", 3306, "shop", "app", "migrate", "ca.crt", restore_points=command)
    return ExternalGate.of(database, minutes=60)


def script(folder: Path, text: str) -> str:
    file = folder / "restore-points"
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return str(file)


def test_a_recent_restore_point_lets_the_schema_be_changed(tmp_path: Path) -> None:
    moment = (NOW - timedelta(minutes=5)).isoformat(timespec="seconds")
    assert gate(script(tmp_path, f"echo 'asking the provider'; echo {moment}")).problem(NOW) == ""
    assert gate(script(tmp_path, f"echo {moment.replace('+00:00', 'Z')}")).problem(NOW) == ""


def test_an_old_one_does_not(tmp_path: Path) -> None:
    moment = (NOW - timedelta(hours=3)).isoformat()
    assert gate(script(tmp_path, f"echo {moment}")).problem(NOW) == "a restore would end 3 h ago, more than 60 minutes"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("echo yesterday", "printed no moment such as 2026-11-30T10:00:00Z, but 'yesterday'"),
        ("true", "printed no moment"),
        ("echo 2026-01-01T00:00:00", "names no time zone"),
        ("echo 2999-01-01T00:00:00Z", "which is still to come"),
        ("echo 'no such cluster' >&2; exit 3", "failed with code 3: no such cluster"),
    ],
)
def test_an_answer_that_tells_nothing_is_told_as_such(tmp_path: Path, text: str, told: str) -> None:
    assert told in gate(script(tmp_path, text)).problem(NOW)


def test_nobody_to_ask_is_no_answer_either() -> None:
    assert "nobody here knows to when db.example.com:3306 could be restored" in gate("").problem(NOW)
    assert "cannot be run" in gate("/nowhere/restore-points").problem(NOW)
    assert "cannot be run" in gate("'unfinished").problem(NOW)
    refusal = str(gate("").refusal("why"))
    assert refusal.startswith("the schema at db.example.com:3306 is left as it is: why - ")
    assert "restore_points in echobase_external_database" in refusal and "db_migration_override" in refusal
