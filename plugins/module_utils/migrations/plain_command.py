"""A migration by a command of the application's own framework, of which nothing is known but whether it succeeded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome
from ansible_collections.echobase.platform.plugins.module_utils.migrations.job import MigrationJob
from ansible_collections.echobase.platform.plugins.module_utils.migrations.preparation import Preparation, WantedMigration

# What is told of a schema about which nothing is known.
UNKNOWN: dict[str, Any] = {
    "schema": [],
    "applied": [],
    "pending": {},
    "half_done": [],
    "backfills": [],
    "empty": False,
    "sql": "",
    "rows_filled": 0,
    "statements": [],
    "rehearsal": {},
}


def nothing_to_migrate(wanted: WantedMigration, jobs: tuple[str, ...]) -> Outcome:
    """The application has no job for that, or has commands alone, which cannot say where the schema is."""
    known = (
        ""
        if wanted.action in ("expand", "contract") or not jobs
        else f"the application's {' and '.join(jobs)} do not tell where its schema is"
    )
    return Outcome(changed=False, facts=dict(UNKNOWN), warnings=[known] if known else [])


@dataclass
class PlainMigration:
    job: MigrationJob
    preparation: Preparation
    # Whether the database has no table yet, so that there is nothing to lose.
    is_empty: Callable[[], bool]

    def ensure(self, wanted: WantedMigration, check_mode: bool) -> Outcome:
        """It runs each time: whether there is anything to do, only the command itself knows."""
        preparation = self.preparation
        if check_mode:
            warning = f"what would be sent cannot be told: {wanted.action} is a command of the application's own"
            return Outcome(changed=True, facts=dict(UNKNOWN), warnings=[*preparation.warnings, warning])
        rehearsal = {} if self.is_empty() else preparation.prepare(wanted)
        preparation.progress.say(f"running the application's {wanted.action}")
        self.job.run()
        preparation.record(wanted, "migrated", {"command": wanted.action, "rehearsed": bool(rehearsal)})
        return Outcome(changed=True, facts={**UNKNOWN, "rehearsal": rehearsal}, warnings=preparation.warnings)
