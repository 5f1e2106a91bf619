"""Moves an environment's schema along one branch: only what can be restored, only after a rehearsal, and on the record."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome, Refusal
from ansible_collections.echobase.platform.plugins.module_utils.migrations.contract_gate import refuse_while_needed
from ansible_collections.echobase.platform.plugins.module_utils.migrations.job import MigrationJob
from ansible_collections.echobase.platform.plugins.module_utils.migrations.preparation import Preparation, WantedMigration

BRANCHES = ("expand", "contract")
ACTIONS = (*BRANCHES, "backfill", "status")


@dataclass
class DbMigration:
    """By a job that speaks the protocol: it says what is applied and pending, and does one branch at a time.

    `contracts` asks every release that is deployed which contracts it can live with, by the name of its colour.
    """

    job: MigrationJob
    preparation: Preparation
    contracts: Callable[[], Mapping[str, Sequence[str]]] = dict

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
            if not status["empty"]:
                self.preparation.foretell(wanted)
            return self._outcome(status, pending, report=self.job.run("plan", wanted.action))
        rehearsal = {} if status["empty"] else self.preparation.prepare(wanted)
        self.preparation.progress.say(f"applying {', '.join(pending)}")
        move = self.job.run(wanted.action, "--patience", str(wanted.patience))
        details = {"from": move["before"], "to": move["after"], "rehearsed": bool(rehearsal), "runs_on": status["runs_on"]}
        self.preparation.record(wanted, "migrated", details)
        report = {"statements": move["statements"], "rehearsal": rehearsal}
        return self._outcome(move["state"], pending, before=status, report=report)

    def _backfill(self, wanted: WantedMigration, status: Mapping[str, Any], check_mode: bool) -> Outcome:
        left = sum(one["rows_left"] for one in status["backfills"])
        if not left or check_mode:
            return self._outcome(status, [], rows=left)
        move = self.job.run("backfill", "--patience", str(wanted.patience))
        return self._outcome(move["state"], [], before=status, rows=int(move["rows_filled"]))

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
            warnings=[*self.preparation.warnings, *status.get("notices", ())],
        )
