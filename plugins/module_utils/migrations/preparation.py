"""What comes before a database with rows is changed: it can be restored, and the same was tried on a copy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from ansible_collections.echobase.platform.plugins.module_utils.base.progress import Progress
from ansible_collections.echobase.platform.plugins.module_utils.environment.ledger import Ledger, new_entry
from ansible_collections.echobase.platform.plugins.module_utils.migrations.restorable_gate import MigrationGate


class Rehearsal(Protocol):
    def run(self, action: str) -> dict[str, Any]:
        """What it measured; refuses when the migration or a release fails on the copy."""


@dataclass(frozen=True)
class WantedMigration:
    action: str
    patience: int
    override: str = ""
    release: str = ""


@dataclass
class Preparation:
    """Without a gate nothing is asked of the backups; without a rehearsal nothing is tried on a copy."""

    ledger: Ledger
    gate: MigrationGate | None = None
    rehearsal: Rehearsal | None = None
    # Why there is none, where one would be expected.
    unrehearsed: str = ""
    progress: Progress = field(default_factory=lambda: Progress(None))
    warnings: list[str] = field(default_factory=list)
    # Who wants it; empty for the user that this runs as.
    by: str = ""

    def foretell(self, wanted: WantedMigration) -> None:
        problem = self.gate.problem(datetime.now(UTC)) if self.gate else ""
        if problem and not wanted.override:
            self.warnings.append(f"it would be refused: {problem}")

    def prepare(self, wanted: WantedMigration) -> dict[str, Any]:
        """Gives what the rehearsal measured; empty when there was none."""
        if self.gate is None:
            return {}
        self.progress.say("looking up to when the database can be restored")
        problem = self.gate.problem(datetime.now(UTC))
        if problem and not wanted.override:
            raise self.gate.refusal(problem)
        if problem:
            self.record(wanted, "overridden", {"action": wanted.action, "problem": problem, "reason": wanted.override})
            self.warnings.append(f"not rehearsed, and nothing to go back to: {problem}")
            return {}
        if self.unrehearsed:
            self.warnings.append(f"not rehearsed: {self.unrehearsed}")
        return self._rehearsed(self.rehearsal, wanted.action) if self.rehearsal else {}

    def record(self, wanted: WantedMigration, event: str, details: Mapping[str, Any]) -> None:
        self.ledger.append(new_entry(event, "", wanted.release, details, by=self.by))

    def _rehearsed(self, rehearsal: Rehearsal, action: str) -> dict[str, Any]:
        self.progress.say(f"rehearsing {action} on a restored copy")
        report = rehearsal.run(action)
        for one in report["statements"]:
            self.progress.say(f"{one['seconds']:.3f} s, held up a writer for {one['held_up_seconds']:.3f} s: {one['statement']}")
        for release, passed in report["passed"].items():
            self.progress.say(f"{release} served on it: {', '.join(passed)}")
        return report
