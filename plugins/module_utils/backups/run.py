"""Taking a backup, proving by a restore that it is one, and letting the oldest go."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Literal, TypeVar

from ansible_collections.echobase.platform.plugins.module_utils.backups.notification import Notification
from ansible_collections.echobase.platform.plugins.module_utils.backups.published import published_restorable
from ansible_collections.echobase.platform.plugins.module_utils.backups.record import BackupRecord, Failure, Proof, Reading
from ansible_collections.echobase.platform.plugins.module_utils.backups.repository_reading import DEFAULT_READ_DAYS, due
from ansible_collections.echobase.platform.plugins.module_utils.backups.restorable import damage_told
from ansible_collections.echobase.platform.plugins.module_utils.backups.retention import Retention
from ansible_collections.echobase.platform.plugins.module_utils.base.commands import LOOK_FOR_DISK_ERRORS, playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome, Refusal
from ansible_collections.echobase.platform.plugins.module_utils.base.progress import Progress
from ansible_collections.echobase.platform.plugins.module_utils.database.backup_tool import Backup, BackupTool, Kind, Point
from ansible_collections.echobase.platform.plugins.module_utils.database.contents import differences
from ansible_collections.echobase.platform.plugins.module_utils.durable_db.trial_server import trial_server, trial_volume
from ansible_collections.echobase.platform.plugins.module_utils.environment.backup_target import refuse_missing_key
from ansible_collections.echobase.platform.plugins.module_utils.environment.locks import durable_work_lock
from ansible_collections.echobase.platform.plugins.module_utils.environment.published import OperationRecord
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment
from ansible_collections.echobase.platform.plugins.module_utils.storage.generations import FIRST_GENERATION

if TYPE_CHECKING:
    from docker import DockerClient

Take = Literal["auto", "full", "incremental", "none"]
T = TypeVar("T")


@dataclass(frozen=True)
class WantedBackup:
    take: Take
    verify: bool
    expire: bool

    @property
    def only_prepares(self) -> bool:
        return self.take == "none" and not self.verify and not self.expire


@dataclass
class BackupRun:
    docker: DockerClient
    env: Environment
    engine: str
    tool: BackupTool
    retention: Retention
    notification: Notification
    progress: Progress
    # Everything in the repository is read within this many days.
    read_days: int = DEFAULT_READ_DAYS

    def __post_init__(self) -> None:
        self._record = BackupRecord(self.env, self.engine)
        self._doing = ""
        self._warnings: list[str] = []

    def run(self, wanted: WantedBackup, check_mode: bool) -> Outcome:
        if check_mode:
            return self._predicted(wanted)
        with durable_work_lock(self.env.name):
            try:
                if wanted.only_prepares:
                    return self._run(wanted)
                return OperationRecord(self.env, "backup", self.engine).of(lambda: self._run(wanted))
            except (Refusal, OSError) as error:
                refusal = (
                    error
                    if isinstance(error, Refusal)
                    else Refusal(str(error), "check that file's owner, mode and disk (df -h), then run this again")
                )
                raise self._told(refusal) from error

    def _run(self, wanted: WantedBackup) -> Outcome:
        self._step("looking for the key", lambda: refuse_missing_key(self.env))
        prepared = self._step("preparing the repository", self.tool.prepare)
        if wanted.only_prepares:
            if prepared:
                # Whoever watches learns at once that nothing was proved yet.
                self._restorable(check_mode=False)
            return Outcome(changed=prepared, facts={"backup": "", "kind": "", "expired": []})
        before = [backup.name for backup in self._step("looking at the backups", self.tool.backups)]
        taken = None
        kind = self._kind(wanted)
        if kind:
            taken = self._step(f"taking the {kind} backup", lambda: self.tool.take(kind))
        proof = self._prove() if wanted.verify else None
        expired = self._step("letting old backups go", self._expire) if wanted.expire else []
        if wanted.verify:
            # The repository is read after old backups have gone, since damage may have been in one of those.
            self._read_through()
        if kind and not wanted.verify:
            self._forget_failure("taking the")
        return Outcome(
            changed=bool(prepared or taken or proof or expired),
            before=before,
            after=[backup.name for backup in self.tool.backups()],
            facts={
                "backup": taken.name if taken else "",
                "kind": kind or "",
                "proof_seconds": proof.seconds if proof else 0,
                "rows": proof.rows if proof else 0,
                "mark": proof.mark if proof else "",
                "expired": expired,
                **self._restorable(check_mode=False),
            },
            warnings=self._warnings,
        )

    def _kind(self, wanted: WantedBackup) -> Kind | None:
        if wanted.take == "none":
            return None
        return self.retention.next_kind(self.tool.backups(), datetime.now(UTC)) if wanted.take == "auto" else wanted.take

    def _prove(self) -> Proof:
        """Restores the newest backup with the log up to now, and compares what the tables hold."""
        backups = self._step("looking at the backups", self.tool.backups)
        if not backups:
            raise Refusal("there is no backup to verify", f"{playbook('backup')} takes one")
        newest = backups[-1]
        try:
            proof = self._step(f"verifying {newest.name}", lambda: self._restored(newest))
        except Refusal:
            self._record.write(self._record.read().disproved(newest.name))
            raise
        self._record.write(self._record.read().proved(newest.name, proof))
        return proof

    def _restored(self, backup: Backup) -> Proof:
        began = time.monotonic()
        mark, expected = self.tool.mark()
        marked = datetime.now(UTC)
        self.tool.archive_now()
        with trial_volume(self.docker, self.env, self.engine) as volume:
            self.tool.restore(backup, Point(mark=mark), volume, FIRST_GENERATION)
            with trial_server(self.docker, self.env, self.engine, volume, FIRST_GENERATION) as trial:
                found = self.tool.contents(trial.container)
                trial.log_in_as_application()
        remedy = f"take a full backup now: {playbook('backup', backup_take='full')}; then {LOOK_FOR_DISK_ERRORS}"
        refuse_difference(f"backup {backup.name}, restored,", expected, found, remedy)
        rows = sum(count for count, _checksum in found.values())
        return Proof(datetime.now(UTC), mark, marked, round(time.monotonic() - began, 1), rows, found)

    def _read_through(self) -> None:
        """Reads the next part of the repository: the proof has read only the newest backup."""
        parts = self.tool.parts(self.read_days)
        now = datetime.now(UTC)
        known = self._record.read().readings
        readings = {part: known.get(part, Reading(now)) for part in parts}
        for part in due(parts, known, self.read_days, now):
            damage = self._step(f"reading part {part} of the repository", partial(self.tool.read, part))
            readings[part] = Reading(datetime.now(UTC), tuple(damage))
        record = self._record.read().read(readings)
        self._record.write(record)
        if record.damage:
            self._doing = "reading the repository"
            raise Refusal(
                damage_told(record.damage, self.tool), f"{LOOK_FOR_DISK_ERRORS}; docs/operate/backup-and-restore.md tells how to go on"
            )

    def _expire(self) -> list[str]:
        record = self._record.read()
        backups = self.tool.backups()
        expired = self.retention.expired(backups, record.proofs.keys(), datetime.now(UTC))
        if expired:
            self.tool.expire(expired)
            self._record.write(record.only({backup.name for backup in backups} - set(expired)))
        return expired

    def _predicted(self, wanted: WantedBackup) -> Outcome:
        if wanted.only_prepares:
            return Outcome(changed=not self.tool.is_prepared(), facts={"backup": "", "kind": "", "expired": []})
        backups = self.tool.backups()
        proved = self._record.read().proofs.keys()
        kind = self._kind(wanted)
        expired = self.retention.expired(backups, proved, datetime.now(UTC)) if wanted.expire else []
        names = [backup.name for backup in backups]
        return Outcome(
            changed=bool(kind or wanted.verify or expired),
            before=names,
            after=[*(name for name in names if name not in expired), *([f"a new {kind} one"] if kind else [])],
            facts={"backup": "", "kind": kind or "", "expired": expired, **self._restorable(check_mode=True)},
        )

    def _restorable(self, check_mode: bool) -> dict[str, str]:
        found = published_restorable(self.env, self.engine, self.tool, check_mode=check_mode)
        return {
            "restorable_as_of": found.as_of.isoformat() if found.as_of else "",
            "proved_by": found.proved_by,
            "problem": found.problem,
        }

    def _step(self, doing: str, step: Callable[[], T]) -> T:
        self._doing = doing
        self.progress.say(doing)
        return step()

    def _told(self, refusal: Refusal) -> Refusal:
        """Records a failure, which status shows until a verification succeeds, and tells whoever wants to know."""
        failure = Failure(datetime.now(UTC), self._doing, refusal.cause)
        untold = self.notification.send(
            event="backup_failed",
            environment=self.env.name,
            engine=self.engine,
            at=failure.at.isoformat(),
            doing=failure.what,
            cause=failure.cause,
            remedy=refusal.remedy,
        )
        try:
            self._record.write(self._record.read().failed(failure))
        except (Refusal, OSError) as error:
            untold = f"{untold}; the failure could not be recorded: {error}".lstrip("; ")
        self._restorable(check_mode=False)
        told = f"; {untold}" if untold else ""
        return Refusal(f"{self._doing} of {self.env.name}'s {self.engine} failed: {refusal.cause}{told}", refusal.remedy)

    def _forget_failure(self, doing: str) -> None:
        """Removes a failure from the record, since what failed then has just succeeded."""
        record = self._record.read()
        if record.failure and record.failure.what.startswith(doing):
            self._record.write(record.failed(None))


def refuse_difference(what: str, expected: dict[str, tuple[int, str]], found: dict[str, tuple[int, str]], remedy: str) -> None:
    different = differences(expected, found)
    if different:
        raise Refusal(f"{what} does not hold what the database held: {different}", remedy)
