from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.environment.ledger import Ledger
from ansible_collections.echobase.platform.plugins.module_utils.migrations.job import MigrationJob
from ansible_collections.echobase.platform.plugins.module_utils.migrations.migration import DbMigration
from ansible_collections.echobase.platform.plugins.module_utils.migrations.preparation import Preparation, WantedMigration

NOTICE = "accounts 1 and 2 have one e-mail address in two spellings"


def status(notices: dict[str, Any], pending: list[str]) -> dict[str, Any]:
    state = {"heads": ["expand_0003"], "pending": {"expand": pending, "contract": []}, "half_done": [], "backfills": [], "empty": False}
    return state | {"runs_on": {}} | notices


@pytest.mark.parametrize("action", ["status", "expand"])
@pytest.mark.parametrize("pending", [[], ["expand_0003"]])
@pytest.mark.parametrize(("notices", "warned"), [({"notices": [NOTICE]}, [NOTICE]), ({"notices": []}, []), ({}, [])])
def test_what_a_migration_has_to_say_about_the_data_becomes_a_warning(
    tmp_path: Path, action: str, pending: list[str], notices: dict[str, Any], warned: list[str]
) -> None:
    """An older release says nothing at all."""
    move = {"before": [], "after": ["expand_0003"], "statements": [], "state": status(notices, [])}
    job = SimpleNamespace(run=lambda action, *_: status(notices, pending) if action == "status" else move)
    migration = DbMigration(cast(MigrationJob, job), Preparation(Ledger(tmp_path / "ledger.jsonl")))
    assert migration.ensure(WantedMigration(action, 5), check_mode=False).warnings == warned
