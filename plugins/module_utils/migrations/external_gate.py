"""Whether a database of somebody else's may be changed: we see no backup of it, so its owner's command says, or a person does."""

from __future__ import annotations

import shlex
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime

from ansible_collections.echobase.platform.plugins.module_utils.backups.restorable import Restorable
from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.environment.external_database import ExternalDatabase
from ansible_collections.echobase.platform.plugins.module_utils.migrations.restorable_gate import MigrationGate

_SECONDS = 60


@dataclass(frozen=True)
class ExternalGate(MigrationGate):
    """The same question as of a database of our own, answered by somebody else."""

    place: str = ""

    @classmethod
    def of(cls, database: ExternalDatabase, minutes: int) -> ExternalGate:
        return cls(lambda: told_by_owner(database), minutes, database.place)

    def refusal(self, problem: str) -> Refusal:
        return Refusal(
            f"the schema at {self.place} is left as it is: {problem}",
            "see to a restore point at its owner's; name the command that tells of it as restore_points in echobase_external_database;"
            f" {playbook('migrate', migrate_action='contract', db_migration_override='<reason>')} goes on without and is recorded",
        )


class _UntoldError(Exception):
    """Why nobody knows, in a user's words."""


def told_by_owner(database: ExternalDatabase) -> Restorable:
    """Never fails: who cannot be asked has told nothing."""
    if not database.restore_points:
        return Restorable(None, problem=f"nobody here knows to when {database.place} could be restored")
    try:
        return Restorable(_moment(_answer(database.restore_points)), proved_by="its owner's word")
    except _UntoldError as error:
        return Restorable(None, problem=f"the command restore_points ({database.restore_points}) {error}")


def _answer(command: str) -> str:
    """The last line that it printed."""
    try:
        done = subprocess.run(shlex.split(command), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except (OSError, ValueError) as error:
        raise _UntoldError(f"cannot be run: {error}") from error
    except subprocess.TimeoutExpired as error:
        raise _UntoldError(f"did not end within {_SECONDS} s") from error
    lines = done.stdout.strip().splitlines() or [""]
    if done.returncode != 0:
        said = (done.stderr.strip().splitlines() or lines)[-1]
        raise _UntoldError(f"failed with code {done.returncode}: {said}")
    return lines[-1].strip()


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise _UntoldError(f"printed no moment such as 2026-11-30T10:00:00Z, but '{text}'") from error
    if moment.tzinfo is None:
        raise _UntoldError(f"printed {text}, which names no time zone, such as a Z at its end")
    if moment > datetime.now(UTC):
        raise _UntoldError(f"printed {text}, which is still to come")
    return moment
