"""A drill: rows are written, the machine is thought lost, and what a restore brings back is counted."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome, Refusal
from ansible_collections.echobase.platform.plugins.module_utils.base.progress import Progress
from ansible_collections.echobase.platform.plugins.module_utils.database.backup_tool import BackupTool, Point
from ansible_collections.echobase.platform.plugins.module_utils.database.console import ServerConsole
from ansible_collections.echobase.platform.plugins.module_utils.durable_db.trial_server import trial_server, trial_volume
from ansible_collections.echobase.platform.plugins.module_utils.engines.registry import engine_named
from ansible_collections.echobase.platform.plugins.module_utils.environment.locks import durable_work_lock
from ansible_collections.echobase.platform.plugins.module_utils.environment.published import OperationRecord
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment
from ansible_collections.echobase.platform.plugins.module_utils.storage.generations import FIRST_GENERATION

if TYPE_CHECKING:
    from docker import DockerClient

_SECONDS_BETWEEN_ROWS = 0.25


@dataclass
class RestoreDrill:
    docker: DockerClient
    env: Environment
    engine: str
    tool: BackupTool
    progress: Progress
    write_seconds: int

    def run(self) -> Outcome:
        return OperationRecord(self.env, "drill", self.engine).of(self._run)

    def _run(self) -> Outcome:
        console = ServerConsole(engine_named(self.engine), self.env)
        statements = console.engine.statements
        with durable_work_lock(self.env.name):
            backups = self.tool.backups()
            if not backups:
                raise Refusal("there is no backup to restore", f"{playbook('backup')} takes one")
            try:
                console.query(statements.make_drill_table)
                self.tool.archive_now()
                written = self._write(console)
                lost = datetime.now(UTC)
                # From here on only what the repository holds counts: the server is asked for nothing any more.
                promised = self.tool.archive_after(backups[-1]).until
                self.progress.say("the machine is thought lost: restoring")
                began = time.monotonic()
                with trial_volume(self.docker, self.env, self.engine) as volume:
                    self.tool.restore(backups[-1], Point(moment=promised), volume, FIRST_GENERATION)
                    with trial_server(self.docker, self.env, self.engine, volume, FIRST_GENERATION) as trial:
                        trial.log_in_as_application()
                        recovered = time.monotonic() - began
                        restored = {int(row[0]) for row in trial.console.query("SELECT n FROM restore_drill.written")}
            finally:
                console.query(statements.remove_drill_table)
        missing = [number for number, answered in written.items() if answered <= promised and number not in restored]
        if missing:
            raise Refusal(
                f"{len(missing)} rows written before {promised.isoformat()}, the first one {missing[0]}, are not in what was restored",
                f"the backups do not keep what they promise: take a full one with {playbook('backup', backup_take='full')},"
                f" and see what {playbook('status')} says of the log",
            )
        # A loss of the machine would have cost everything that was committed after the last restored row.
        kept_until = max((answered for number, answered in written.items() if number in restored), default=promised)
        return Outcome(
            changed=True,
            facts={
                "backup": backups[-1].name,
                "rpo_seconds": round((lost - kept_until).total_seconds(), 1),
                "rto_seconds": round(recovered, 1),
                "promised_until": promised.isoformat(),
                "lost_at": lost.isoformat(),
                "written": len(written),
                "restored": len(restored),
            },
        )

    def _write(self, console: ServerConsole) -> dict[int, datetime]:
        """Gives for each row when its commit was answered."""
        self.progress.say(f"writing rows for {self.write_seconds} s")
        written: dict[int, datetime] = {}
        end = time.monotonic() + self.write_seconds
        while time.monotonic() < end:
            number = len(written) + 1
            console.query(f"INSERT INTO restore_drill.written VALUES ({number})")
            written[number] = datetime.now(UTC)
            # Rows are written all the time, since what counts is which of them come back.
            time.sleep(_SECONDS_BETWEEN_ROWS)
        return written
