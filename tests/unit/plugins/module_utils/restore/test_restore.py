from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.base.progress import Progress
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import environment
from ansible_collections.echobase.platform.plugins.module_utils.restore.journal import ChangeStep, GenerationChange, GenerationJournal, Kind
from ansible_collections.echobase.platform.plugins.module_utils.restore.restore import DatabaseRestore

MOMENT = "2026-03-01T12:31:05Z"


class Nobody:
    """A Docker engine or a tool that is not asked where nothing is left to do."""

    def __getattr__(self, name: str) -> Any:
        raise LookupError("somebody was asked")


@pytest.fixture
def restore(tmp_path: Path) -> DatabaseRestore:
    env = environment("test", str(tmp_path))
    key = Path(env.path("secrets", "db", "backup_key"))
    key.parent.mkdir(parents=True)
    key.write_text("key")
    change = GenerationChange(Kind.RESTORE, ChangeStep.BUILT, "mariadb", datetime.now(UTC), "000002", "000001", to=MOMENT, builds=True)
    GenerationJournal(env).write(change)
    nobody: Any = Nobody()
    return DatabaseRestore(nobody, env, "mariadb", nobody, Progress(None))


@pytest.mark.parametrize("same", [MOMENT, "2026-03-01T12:31:05+00:00", "2026-03-01T13:31:05+01:00"])
def test_the_same_moment_written_otherwise_is_not_built_again(restore: DatabaseRestore, same: str) -> None:
    assert not restore.run("built", same, "", check_mode=True).changed


@pytest.mark.parametrize("other", ["2026-03-01T12:31:06Z", "latest", "000001", "a-mark"])
def test_another_point_is_another_restore(restore: DatabaseRestore, other: str) -> None:
    with pytest.raises(LookupError, match="somebody was asked"):
        restore.run("built", other, "", check_mode=True)


def test_what_is_built_for_one_engine_does_not_go_live_for_another(restore: DatabaseRestore) -> None:
    other = DatabaseRestore(restore.docker, restore.env, "postgresql", restore.tool, Progress(None))
    with pytest.raises(Refusal, match="what is built is a restore of mariadb"):
        other.run("live", "", "", check_mode=True)
