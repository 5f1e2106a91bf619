"""Backups of a durable PostgreSQL: pgBackRest keeps them and the log."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ansible_collections.echobase.platform.plugins.module_utils.base.atomic_file import write_durably
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.database.backup_tool import (
    OLDER_BACKUP_REMEDY,
    Archive,
    Backup,
    BackupTool,
    Damage,
    Kind,
    Point,
)
from ansible_collections.echobase.platform.plugins.module_utils.database.clock import CLOCK_TOLERANCE, refuse_named_twice
from ansible_collections.echobase.platform.plugins.module_utils.engines.postgresql.archived_log import MOMENT_IN_NAME, ArchivedLog
from ansible_collections.echobase.platform.plugins.module_utils.engines.postgresql.contents import (
    Contents,
    contents,
    marked_contents,
    timeline_of,
)
from ansible_collections.echobase.platform.plugins.module_utils.engines.postgresql.pgbackrest import (
    CA_FILE,
    CONFIGURATION,
    NO_STANZA,
    PgBackrest,
    configuration,
)
from ansible_collections.echobase.platform.plugins.module_utils.engines.postgresql.recovery import Target, TargetNotReachedError
from ansible_collections.echobase.platform.plugins.module_utils.engines.postgresql.wal import SEGMENT_BYTES, Line, Segment
from ansible_collections.echobase.platform.plugins.module_utils.engines.postgresql.workplace import PostgresWorkplace
from ansible_collections.echobase.platform.plugins.module_utils.environment.backup_target import BackupTarget
from ansible_collections.echobase.platform.plugins.module_utils.environment.inside import DATABASE
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment

if TYPE_CHECKING:
    from docker import DockerClient

_KINDS: dict[Kind, str] = {"full": "full", "incremental": "incr"}
# A segment begins with this many bytes.
_PAGE_HEADER_BYTES = 40
_ARCHIVER = """
    SELECT failing, waiting, failing_since FROM
        (SELECT coalesce(last_failed_time > coalesce(last_archived_time, '-infinity'), false) AS failing,
            to_char(last_failed_time, 'HH24:MI:SS') AS failing_since FROM pg_stat_archiver) a,
        (SELECT count(*) AS waiting FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready') w
"""
_EVERYTHING = "1/1"
_DISK_FILLS = "remove that cause soon: until then the log waits on the database's disk and fills it"


class PostgresBackups(BackupTool):
    """`patience` is for how many seconds a segment of the log may take to reach the repository."""

    program: ClassVar[str] = "pgBackRest"

    def __init__(self, docker: DockerClient, env: Environment, target: BackupTarget, patience: int = 60) -> None:
        self._env = env
        self._target = target
        self._patience = f"--archive-timeout={patience}"
        self._place = PostgresWorkplace(docker, env, target)

    def is_prepared(self) -> bool:
        there = self._target.is_remote or Path(self._target.location).is_dir()
        if not there or self._outdated_files() or not self._place.has_server():
            return False
        with self._place.tool() as tool:
            return tool.stanza()["status"]["code"] not in NO_STANZA

    def prepare(self) -> bool:
        changed = self._write_configuration()
        tool = self._place.live()
        stanza = tool.stanza()
        if stanza["status"]["code"] in NO_STANZA:
            tool.run("stanza-create")
            changed = True
        elif (stanza["db"][-1]["version"], stanza["db"][-1]["system-id"]) != self._identity():
            # The database is of another major version, or was made anew: the backups of the one before stay what they are.
            tool.run("stanza-upgrade")
            changed = True
        if changed:
            self._await_archive()
        return changed

    def backups(self) -> list[Backup]:
        with self._place.tool() as tool:
            return [_backup(entry) for entry in tool.stanza()["backup"]]

    def take(self, kind: Kind) -> Backup:
        tool = self._place.live()
        tool.run("backup", f"--type={_KINDS[kind]}", self._patience)
        entry = tool.stanza()["backup"][-1]
        if entry["error"]:
            raise Refusal(
                f"backup {entry['label']} holds pages whose checksums are wrong: the database itself is damaged",
                f"docker exec {tool.container} pgbackrest info --set={entry['label']} tells where; restore an older backup",
            )
        backup = _backup(entry)
        # The tool knows its moments to the second: only from the next one on is every moment surely behind the backup.
        time.sleep(min(max((backup.consistent - datetime.now(UTC)).total_seconds(), 0), 1))
        return backup

    def archives_after(self, backups: Sequence[Backup]) -> list[Archive]:
        # The server writes into its log by itself now and then. Asked once for each backup, it would have one of them reach further.
        nothing_since = cache(self._nothing_since)
        with self._place.tool() as tool:
            logs = [_log(tool, backup) for backup in backups]
            return [_until(log, log.line(None), nothing_since) for log in logs]

    def archive_now(self) -> None:
        with self._place.session() as session:
            # A point with a moment in its name is written, since the log may hold nothing else that tells the time.
            session.ask(f"SELECT pg_create_restore_point('archived-{datetime.now(UTC):{MOMENT_IN_NAME}}')")
        self._await_archive()

    def mark(self) -> tuple[str, Contents]:
        return marked_contents(self._place.live().container, self._env.database)

    def contents(self, container: str) -> Contents:
        return contents(container, self._env.database)

    def restore(self, backup: Backup, point: Point, volume: str, folder: str) -> None:
        with self._place.tool() as tool:
            _refuse_other_major(tool, backup)
            log = _log(tool, backup)
            line = log.line_with(timeline_of(point.mark)) if point.mark else log.line(point.moment)
            until = self._refuse_out_of_reach(log, line, backup, point.moment) if point.moment else None
            last = log.reach(line).last
        target = Target(line.timeline, point.moment, point.mark)
        data = f"{self._env.server('postgresql').data_mount}/{folder}"
        try:
            branch = self._place.recovery(volume).build(data, backup.name, target)
        except TargetNotReachedError as error:
            raise Refusal(f"the log in the repository ends before {point.mark}", "choose an earlier point, or the latest") from error
        if until and branch.next_moment and branch.next_moment > until + CLOCK_TOLERANCE:
            raise Refusal(
                f"the server's clock was set back from {branch.next_moment:%Y-%m-%d %H:%M:%S}, so the moment asked for names no one state",
                "choose a mark, `latest`, or a moment before that",
            )
        if last and branch.at_end and branch.place // SEGMENT_BYTES < last.number:
            raise Refusal(
                f"the log is damaged in segment {line.segment(branch.place // SEGMENT_BYTES).name}, before its end in {last.name}",
                "restore to a moment before that",
            )

    def check(self) -> list[str]:
        with self._place.tool() as tool:
            troubles = _verified(tool)
        return [*troubles, *self._archiver_troubles()] if self._place.is_live() else troubles

    def parts(self, days: int) -> list[str]:
        """There is one part: the tool verifies all or nothing."""
        return [_EVERYTHING]

    def read(self, part: str) -> list[Damage]:
        with self._place.tool() as tool:
            return _damage(_verified(tool), [_backup(entry) for entry in tool.stanza()["backup"]])

    def expire(self, names: Sequence[str]) -> None:
        if not names:
            return
        with self._place.tool() as tool:
            kept = [backup for backup in map(_backup, tool.stanza()["backup"]) if backup.name not in names]
            needed = {name for backup in kept for name in backup.needs} & set(names)
            if needed or not kept:
                what = f"a backup that stays needs {', '.join(sorted(needed))}" if needed else "these are all the backups there are"
                raise Refusal(f"{what}: nothing was deleted", "take a full backup first, or let all go that need it")
            # The newest first: an incremental one goes before those it needs.
            for name in sorted(names, reverse=True):
                tool.run("expire", f"--set={name}")
            tool.run("expire", "--repo1-retention-archive-type=incr", f"--repo1-retention-archive={len(kept)}")

    def _write_configuration(self) -> bool:
        try:
            if not self._target.is_remote:
                _make_repository(Path(self._target.location))
            outdated = self._outdated_files()
            for file, text in outdated.items():
                file.parent.mkdir(parents=True, exist_ok=True)
                write_durably(file, text, mode=0o644)
        except OSError as error:
            raise Refusal(
                f"cannot write {error.filename}: {error.strerror}",
                "check owner, mode and disk of the folder above it (df -h), then run this again",
            ) from error
        return bool(outdated)

    def _outdated_files(self) -> dict[Path, str]:
        """The files of the tool's configuration that are missing or differ, with what they shall hold."""
        folder = Path(self._env.path(self._env.server("postgresql").service))
        wanted = {folder / CONFIGURATION: configuration(self._target, os.cpu_count() or 1)}
        if self._target.ca_file:
            wanted[folder / CA_FILE] = Path(self._target.ca_file).read_text(encoding="utf-8")
        return {file: text for file, text in wanted.items() if _text_of(file) != text}

    def _identity(self) -> tuple[str, int]:
        """The major version, and the number that a database gets when it is made."""
        with self._place.session() as session:
            version, system = session.ask(
                "SELECT current_setting('server_version_num')::int / 10000, system_identifier FROM pg_control_system()"
            )[0]
        return version, int(system)

    def _await_archive(self) -> None:
        """Ends the current segment and waits until the repository has it: patiently while others that wait before it get there."""
        while True:
            began, before = int(time.time()), self._archived()
            try:
                self._place.live().run("check", self._patience)
            except Refusal as refusal:
                if "not archived" not in refusal.cause:
                    raise
                if self._archived() != before:
                    continue
                if words := self._place.last_words(began):
                    raise Refusal(f"the log does not reach the repository: {words}", _DISK_FILLS) from refusal
                raise
            return

    def _archived(self) -> str:
        """The segment that reached the repository last."""
        with self._place.session() as session:
            return str(session.ask("SELECT coalesce(last_archived_wal, '') FROM pg_stat_archiver")[0][0])

    def _nothing_since(self, last: Segment) -> datetime | None:
        """A moment before which the server wrote nothing behind that segment."""
        if not self._place.is_live():
            return None
        moment = datetime.now(UTC)
        try:
            with self._place.session() as session:
                name, offset = session.ask("SELECT * FROM pg_walfile_name_offset(pg_current_wal_insert_lsn())")[0]
        except Refusal:
            # The server is just coming up: then the log alone tells.
            return None
        follows = Segment.named(name) == Segment(last.timeline, last.number + 1)
        return moment if follows and int(offset) <= _PAGE_HEADER_BYTES else None

    def _refuse_out_of_reach(self, log: ArchivedLog, line: Line, backup: Backup, moment: datetime) -> datetime:
        """Gives the moment until which the log reaches."""
        if moment < backup.consistent:
            raise Refusal(
                f"backup {backup.name} was complete at {backup.consistent:%Y-%m-%d %H:%M:%S}, after {moment:%Y-%m-%d %H:%M:%S}",
                "restore from an older backup",
            )
        refuse_named_twice(moment, log.times(line))
        archive = _until(log, line, self._nothing_since)
        if moment > archive.until:
            why = f" ({archive.gap})" if archive.gap else ""
            raise Refusal(
                f"the log in the repository reaches {archive.until:%Y-%m-%d %H:%M:%S.%f}, not {moment:%Y-%m-%d %H:%M:%S.%f}{why}",
                "choose an earlier moment, or restore to the latest",
            )
        return archive.until

    def _archiver_troubles(self) -> list[str]:
        with self._place.session() as session:
            failing, waiting, since = session.ask(_ARCHIVER)[0]
        if failing != "t":
            return []
        size = int(waiting) * SEGMENT_BYTES // 2**20
        why = self._place.last_words() or f"see docker logs {self._env.server('postgresql').container}"
        return [f"the log does not reach the repository, last tried at {since} ({why}); {size} MiB of it wait on the database's disk"]


def _until(log: ArchivedLog, line: Line, nothing_since: Callable[[Segment], datetime | None]) -> Archive:
    last = log.reach(line)
    if last.last and not last.missing and (moment := nothing_since(last.last)):
        return Archive(moment)
    return log.until(line)


def _log(tool: PgBackrest, backup: Backup) -> ArchivedLog:
    stanza = tool.stanza()
    for entry in stanza["backup"]:
        if entry["label"] == backup.name:
            return ArchivedLog.after(tool, stanza, entry)
    raise Refusal(f"there is no backup {backup.name} in the repository", "module durable_db_backup_info lists those that there are")


def _refuse_other_major(tool: PgBackrest, backup: Backup) -> None:
    """Each major restores its own backups alone. An image that does not tell its major is from before there were two."""
    status, own, _complaint = tool.attempt("database-major")
    stanza = tool.stanza()
    made = {entry["id"]: entry["version"] for entry in stanza["db"]}
    taken_of = next((made[entry["database"]["id"]] for entry in stanza["backup"] if entry["label"] == backup.name), "")
    if status == 0 and taken_of not in ("", own.strip()):
        raise Refusal(f"backup {backup.name} is of PostgreSQL {taken_of}, and {own.strip()} serves", OLDER_BACKUP_REMEDY)


def _backup(entry: Mapping[str, Any]) -> Backup:
    started, stopped = (datetime.fromtimestamp(entry["timestamp"][name], UTC) for name in ("start", "stop"))
    return Backup(
        name=entry["label"],
        kind="full" if entry["type"] == "full" else "incremental",
        needs=tuple(sorted(entry["reference"] or ())),
        started=started,
        # The repository counts in whole seconds, and cuts off what is beyond them.
        consistent=stopped + timedelta(seconds=1),
        size=int(entry["info"]["repository"]["delta"]),
    )


def _verified(tool: PgBackrest) -> list[str]:
    return _verdict(*tool.attempt("pgbackrest", "verify", "--output=text", "--log-level-stderr=info"))


def _damage(troubles: Sequence[str], backups: Sequence[Backup]) -> list[Damage]:
    """A file that belongs to no backup belongs to the log: no restore goes on past it."""
    found = []
    # A summary says no more than the lines about the files that it counts.
    for trouble in [one for one in troubles if "status: invalid" not in one] or troubles:
        broken = {backup.name for backup in backups if re.search(rf"\b{backup.name}(?![\w])", trouble)}
        lost = tuple(backup.name for backup in backups if broken & {backup.name, *backup.needs})
        found.append(Damage(trouble, lost))
    return found


def _verdict(status: int, output: str, complaint: str) -> list[str]:
    """`verify` tells each damaged file, then counts them by backup and by folder of the log."""
    files = re.findall(r"(invalid \w+|file missing) '([^']+)'", complaint)
    lines = [line.strip() for line in output.splitlines() if "status: invalid" in line or "missing manifest" in line]
    troubles = [f"{path}: {what}" for what, path in files]
    if status != 0 and not troubles:
        troubles = [line for line in complaint.splitlines() if "ERROR" in line][-1:] or [f"pgbackrest verify failed with status {status}"]
    return [*lines, *troubles]


def _make_repository(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_uid != DATABASE:
        os.chown(folder, DATABASE, DATABASE)


def _text_of(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
