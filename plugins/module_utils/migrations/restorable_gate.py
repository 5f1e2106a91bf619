"""Whether a database may be changed: only what a restore can bring back may be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from ansible_collections.echobase.platform.plugins.module_utils.backups.restorable import Restorable, age
from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal


@dataclass(frozen=True)
class MigrationGate:
    """`restorable` brings the archive up to date, then says how far a restore would get."""

    restorable: Callable[[], Restorable]
    minutes: int

    def problem(self, now: datetime) -> str:
        """Says why the database may not be changed; empty when it may."""
        known = self.restorable()
        if known.as_of is None:
            return f"nothing could be restored: {known.problem}"
        if now - known.as_of > timedelta(minutes=self.minutes):
            reason = f" ({known.problem})" if known.problem else ""
            return f"a restore would end {age(now - known.as_of)} ago, more than {self.minutes} minutes{reason}"
        return ""

    def refusal(self, problem: str) -> Refusal:
        return Refusal(
            f"the schema is left as it is: {problem}",
            f"{playbook('backup')} takes and proves a backup;"
            f" {playbook('migrate', migrate_action='contract', db_migration_override='<reason>')} goes on without and is recorded",
        )
