"""Up to when an environment's database can be restored for certain: a backup that was restored once, and the log since without a gap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ansible_collections.echobase.platform.plugins.module_utils.backups.record import BackupRecord
from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.database.backup_tool import Backup, BackupTool, Damage
from ansible_collections.echobase.platform.plugins.module_utils.database.clock import CLOCK_TOLERANCE
from ansible_collections.echobase.platform.plugins.module_utils.environment.backup_target import refuse_missing_key
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment


@dataclass(frozen=True)
class Restorable:
    # It is None where nothing was ever proved, or what was proved is gone.
    as_of: datetime | None
    # This backup proved it, when it was restored.
    proved_by: str = ""
    proved_at: datetime | None = None
    # A user reads what is wrong; that may be a gap after `as_of`, too.
    problem: str = ""
    # The newest backup, proved or not; None where there is none, or nobody could be asked.
    newest: Backup | None = None

    def line(self, now: datetime) -> str:
        if self.as_of is None or self.proved_at is None:
            return f"NOT RESTORABLE: {self.problem}"
        proved = f"restorable as of {_clock(self.as_of, now)} (proved {age(now - self.proved_at)} ago by {self.proved_by})"
        return f"{proved}; TROUBLE: {self.problem}" if self.problem else proved


def restorable(env: Environment, engine: str, tool: BackupTool) -> Restorable:
    """This never fails: a repository that cannot be asked cannot be restored from."""
    from docker.errors import DockerException  # noqa: PLC0415 - see docker_client

    try:
        refuse_missing_key(env)
        record = BackupRecord(env, engine).read()
        there = tool.backups()
        last = there[-1] if there else None
        proved = [backup for backup in there if backup.name in record.proofs]
        failure = f"{record.failure.what} failed: {record.failure.cause}" if record.failure else ""
        if record.damage:
            failure = damage_told(record.damage, tool)
        if not proved:
            none_yet = f"no backup was restored yet, {playbook('backup')} takes and proves one"
            return Restorable(None, problem=failure or none_yet, newest=last)
        newest = proved[-1]
        archive = tool.archive_after(newest)
    except Refusal as refusal:
        return Restorable(None, problem=refusal.cause)
    except DockerException as error:
        # A folder of backups may be missing, so that it cannot be mounted.
        return Restorable(None, problem=str(error))
    now = datetime.now(UTC)
    proved_at = record.proofs[newest.name].at
    if archive.until > now + CLOCK_TOLERANCE:
        # Nobody can tell to which moment it really leads; only that it was complete is certain.
        past = [moment for moment in (newest.consistent, proved_at) if moment <= now]
        clock = f"its log says that it is of {archive.until:%Y-%m-%d %H:%M:%S}, later than now: a clock was changed"
        return Restorable(max(past, default=None), newest.name, proved_at, failure or clock, last)
    return Restorable(archive.until, newest.name, proved_at, failure or archive.gap, last)


def damage_told(damage: Sequence[Damage], tool: BackupTool) -> str:
    """What is damaged, which backups are lost for it, and which moments nothing else leads to."""
    whats = list(dict.fromkeys(one.what for one in damage))
    told = ", ".join(whats[:3]) + (f" and {len(whats) - 3} more" if len(whats) > 3 else "")
    there = tool.backups()
    lost = [backup for backup in there if any(backup.name in one.backups for one in damage)]
    if lost:
        told += f": backup {' and '.join(backup.name for backup in lost)} cannot be restored"
    return "; ".join([told, *(f"no moment {span} can be" for span in _lost_spans(there, lost, tool))])


def _lost_spans(there: Sequence[Backup], lost: Sequence[Backup], tool: BackupTool) -> list[str]:
    """The spans from each lost backup to the next whole one, unless the log leads there from an older one."""
    spans = []
    reached = datetime.min.replace(tzinfo=UTC)
    begin: datetime | None = None
    for backup in there:
        if backup in lost:
            begin = begin or max(backup.consistent, reached)
            continue
        if begin and begin < backup.consistent:
            spans.append(f"between {begin:%Y-%m-%d %H:%M:%S} and {backup.consistent:%Y-%m-%d %H:%M:%S}")
        begin = None
        reached = max(reached, tool.archive_after(backup).until)
    newest = there[-1].consistent if there else reached
    return [*spans, f"since {begin:%Y-%m-%d %H:%M:%S}"] if begin and reached <= newest else spans


def age(span: timedelta) -> str:
    seconds = int(max(span.total_seconds(), 0))
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _clock(moment: datetime, now: datetime) -> str:
    return f"{moment:%H:%M:%S}" if moment.date() == now.date() else f"{moment:%Y-%m-%d %H:%M:%S}"
