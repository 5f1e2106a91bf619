"""Moves an environment's schema along one branch: only what can be restored, only after a rehearsal, and on the record."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Protocol

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome, Refusal
from ansible_collections.echobase.platform.plugins.module_utils.base.progress import Progress
from ansible_collections.echobase.platform.plugins.module_utils.environment.ledger import Ledger, new_entry
from ansible_collections.echobase.platform.plugins.module_utils.migrations.contract_gate import refuse_while_needed
from ansible_collections.echobase.platform.plugins.module_utils.migrations.job import MigrationJob
from ansible_collections.echobase.platform.plugins.module_utils.migrations.restorable_gate import MigrationGate

BRANCHES = ("expand", "contract")
ACTIONS = (*BRANCHES, "backfill", "status")


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
class DbMigration:
    """Without a gate nothing is asked of the backups; without a rehearsal nothing is tried on a copy.

    `contracts` asks every release that is deployed which contracts it can live with, by the name of its colour.
    """

    job: MigrationJob
    ledger: Ledger
    gate: MigrationGate | None = None
    rehearsal: Rehearsal | None = None
    contracts: Callable[[], Mapping[str, Sequence[str]]] = dict
    progress: Progress = field(default_factory=lambda: Progress(None))
    _warnings: list[str] = field(default_factory=list, init=False)

    def ensure(self, wanted: WantedMigration, check_mode: bool) -> Outcome:
        try:
            status = self.job.run("status")
        except Refusal as refusal:
            if not check_mode:
                raise
            # Before a first setup there is neither a database nor an image, and that is no reason to stop here.
            return Outcome(changed=True, warnings=[f"what would be sent cannot be told yet: {refusal.cause}"])
        if wanted.action == "status":
            return self._outcome(status, [])
        if wanted.action == "backfill":
            return self._backfill(wanted, status, check_mode)
        pending = list(status["pending"][wanted.action])
        if wanted.action == "contract":
            refuse_while_needed(pending, self.contracts())
        if not pending:
            return self._outcome(status, [])
        if check_mode:
            self._foretell(wanted, status)
            return self._outcome(status, pending, report=self.job.run("plan", wanted.action))
        rehearsal = {} if status["empty"] else self._prepare(wanted)
        self.progress.say(f"applying {', '.join(pending)}")
        move = self.job.run(wanted.action, "--patience", str(wanted.patience))
        details = {"from": move["before"], "to": move["after"], "rehearsed": bool(rehearsal), "runs_on": status["runs_on"]}
        self._record(wanted, "migrated", details)
        report = {"statements": move["statements"], "rehearsal": rehearsal}
        return self._outcome(move["state"], pending, before=status, report=report)

    def _foretell(self, wanted: WantedMigration, status: Mapping[str, Any]) -> None:
        problem = self.gate.problem(datetime.now(UTC)) if self.gate and not status["empty"] else ""
        if problem and not wanted.override:
            self._warnings.append(f"it would be refused: {problem}")

    def _prepare(self, wanted: WantedMigration) -> dict[str, Any]:
        if self.gate is None:
            return {}
        self.progress.say("looking up to when the database can be restored")
        problem = self.gate.problem(datetime.now(UTC))
        if problem and not wanted.override:
            raise self.gate.refusal(problem)
        if problem:
            self._record(wanted, "overridden", {"action": wanted.action, "problem": problem, "reason": wanted.override})
            self._warnings.append(f"not rehearsed, and nothing to go back to: {problem}")
            return {}
        return self._rehearsed(self.rehearsal, wanted.action) if self.rehearsal else {}

    def _rehearsed(self, rehearsal: Rehearsal, action: str) -> dict[str, Any]:
        self.progress.say(f"rehearsing {action} on a restored copy")
        report = rehearsal.run(action)
        for one in report["statements"]:
            self.progress.say(f"{one['seconds']:.3f} s, held up a writer for {one['held_up_seconds']:.3f} s: {one['statement']}")
        for release, passed in report["passed"].items():
            self.progress.say(f"{release} served on it: {', '.join(passed)}")
        return report

    def _backfill(self, wanted: WantedMigration, status: Mapping[str, Any], check_mode: bool) -> Outcome:
        left = sum(one["rows_left"] for one in status["backfills"])
        if not left or check_mode:
            return self._outcome(status, [], rows=left)
        move = self.job.run("backfill", "--patience", str(wanted.patience))
        return self._outcome(move["state"], [], before=status, rows=int(move["rows_filled"]))

    def _record(self, wanted: WantedMigration, event: str, details: Mapping[str, Any]) -> None:
        self.ledger.append(new_entry(event, "", wanted.release, details))

    def _outcome(
        self,
        status: Mapping[str, Any],
        pending: Sequence[str],
        before: Mapping[str, Any] | None = None,
        rows: int = 0,
        report: Mapping[str, Any] = MappingProxyType({}),
    ) -> Outcome:
        """Tells what was done. Without a `before` nothing was: the status is what there is, and `pending` what would come."""
        heads = list(status["heads"])
        sql = str(report.get("sql", ""))
        return Outcome(
            changed=bool(pending or rows),
            before={"schema": (before or status)["heads"]},
            after={"schema": heads if before else [*heads, *pending], **({"sql": sql.splitlines()} if sql else {})},
            facts={
                "schema": heads,
                "applied": list(pending),
                **{name: status[name] for name in ("pending", "half_done", "backfills", "empty")},
                "sql": sql,
                "rows_filled": rows,
                "statements": report.get("statements", []),
                "rehearsal": report.get("rehearsal", {}),
            },
            warnings=[*self._warnings, *status.get("notices", ())],
        )
