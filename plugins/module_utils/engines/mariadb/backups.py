"""Backups of a durable MariaDB: mariadb-backup takes them, an archiver follows the binary log, and restic keeps both."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.database.backup_tool import (
    Archive,
    Backup,
    BackupTool,
    Damage,
    Kind,
    Point,
    RepositoryPasswords,
)
from ansible_collections.echobase.platform.plugins.module_utils.database.clock import refuse_named_twice
from ansible_collections.echobase.platform.plugins.module_utils.engines.mariadb.archiver import MariadbArchiver
from ansible_collections.echobase.platform.plugins.module_utils.engines.mariadb.repository import (
    Described,
    MariadbRepository,
    Reach,
    microseconds,
)
from ansible_collections.echobase.platform.plugins.module_utils.engines.mariadb.tools import MariadbTools
from ansible_collections.echobase.platform.plugins.module_utils.environment.backup_target import BackupTarget
from ansible_collections.echobase.platform.plugins.module_utils.environment.inside import DATABASE
from ansible_collections.echobase.platform.plugins.module_utils.environment.locks import backup_repository_lock
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment

if TYPE_CHECKING:
    from docker import DockerClient

DEFAULT_ARCHIVE_SECONDS = 30
# The parts go by the first byte of a pack's name: restic knows no finer ones.
_MOST_PARTS = 256


@dataclass(frozen=True)
class _Passwords(RepositoryPasswords):
    tools: MariadbTools

    def alone(self) -> AbstractContextManager[None]:
        return backup_repository_lock(self.tools.env.name)

    def add(self, file: str) -> None:
        self.tools.throw_away("add-password", file)

    def remove_others(self) -> int:
        return int(self.tools.throw_away("remove-other-passwords"))


class MariadbBackups(BackupTool):
    """A moment means: all that was committed 0.3 s before it, and nothing that was committed after it. Where nobody took the time, because
    the archiver was away, that is a whole second. A mark is exact."""

    program: ClassVar[str] = "restic"

    def __init__(
        self, docker: DockerClient, env: Environment, target: BackupTarget, archive_seconds: int = DEFAULT_ARCHIVE_SECONDS
    ) -> None:
        self._env = env
        self._target = target
        self._names = env.server("mariadb")
        self._tools = MariadbTools(docker, env, target)
        self._archiver = MariadbArchiver(self._tools, archive_seconds)

    @property
    def passwords(self) -> RepositoryPasswords:
        return _Passwords(self._tools)

    def is_prepared(self) -> bool:
        return self._tools.has_server() and self._archiver.is_as_wanted() and not self._repository_is_missing()

    def prepare(self) -> bool:
        if self._archiver.is_as_wanted() and not self._repository_is_missing():
            # Setting an environment up asks this each time, and a container that looks for itself takes seconds.
            return False
        self._make_folder()
        made = bool(self._tools.throw_away("make"))
        return self._archiver.ensure() or made

    def backups(self) -> list[Backup]:
        return [entry.backup for entry in self._repository().described]

    def take(self, kind: Kind) -> Backup:
        """The first backup of a data directory is a full one, whatever was asked for."""
        with backup_repository_lock(self._env.name):
            server = self._live_server_id()
            base = self._repository().latest_of(server) if kind == "incremental" else None
            name = _name(base)
            order = {"name": name, "needs": [*base.backup.needs, base.backup.name] if base else [], "lsn": base.lsn if base else ""}
            self._tools.throw_away("take", json.dumps(order), name=f"{self._names.container}-backup", volume=self._names.volume, live=True)
        self.archive_now()
        return self._repository().one(name).backup

    def archives_after(self, backups: Sequence[Backup]) -> list[Archive]:
        repository = self._repository()
        archives = [repository.reach(repository.one(backup.name)).archive for backup in backups]
        trouble = "" if all(archive.gap for archive in archives) else self._archiver.trouble()
        return [archive if archive.gap else Archive(archive.until, trouble) for archive in archives]

    def archive_now(self) -> None:
        self._archiver.ask("archive")

    def mark(self) -> tuple[str, dict[str, tuple[int, str]]]:
        seen = self._inside_server("mark")
        return f"{seen['server']}/{seen['number']}", _contents(seen["tables"])

    def contents(self, container: str) -> dict[str, tuple[int, str]]:
        return _contents(self._tools.inside(container, "contents", self._env.database))

    def restore(self, backup: Backup, point: Point, volume: str, folder: str) -> None:
        with backup_repository_lock(self._env.name):
            repository = self._repository()
            entry = repository.one(backup.name)
            reach = repository.reach(entry)
            order = {
                "name": backup.name,
                "major": entry.major,
                "folder": f"{self._names.data_mount}/{folder}",
                "streams": [one.stream for one in repository.chain(entry)],
                "server": entry.server,
                "number": entry.number,
                "stop": _stop(entry, reach, point),
                "batches": [{"snapshot": stretch.snapshot, "logs": stretch.logs(entry.log)} for stretch in reach.stretches],
            }
            self._tools.throw_away("restore", json.dumps(order), name=f"{self._names.container}-restore", volume=volume, read_only=False)

    def check(self) -> list[str]:
        troubles = [str(line) for line in self._tools.throw_away("check")]
        return [*troubles, *filter(None, [self._archiver.trouble()])]

    def parts(self, days: int) -> list[str]:
        count = min(max(days, 1), _MOST_PARTS)
        return [f"{number}/{count}" for number in range(1, count + 1)]

    def read(self, part: str) -> list[Damage]:
        with backup_repository_lock(self._env.name):
            found = self._tools.throw_away("read", part)
            repository = self._repository()
        return [repository.damaged(one["what"], one["snapshots"]) for one in found]

    def expire(self, names: Sequence[str]) -> None:
        with backup_repository_lock(self._env.name):
            self._archiver.ask("expire", names=self._repository().snapshots_to_remove(names))

    def _repository(self) -> MariadbRepository:
        # Everything begins with the list, and a container of its own would take seconds, so the archiver is asked where it can be.
        listed = self._tools.inside(self._archiver.name, "list") if self._archiver.is_as_wanted() else self._tools.throw_away("list")
        return MariadbRepository(listed)

    def _live_server_id(self) -> str:
        return str(self._inside_server("server-id"))

    def _inside_server(self, verb: str) -> Any:
        if not self._tools.server()["State"]["Running"]:
            raise Refusal(f"{self._names.container} does not run", f"{playbook('setup_durable')} starts it")
        return self._tools.inside(self._names.container, verb, self._env.database)

    def _repository_is_missing(self) -> bool:
        """This is known of a local repository only; a missing remote one is told by the archiver."""
        return not self._target.is_remote and not Path(self._target.location, "config").exists()

    def _make_folder(self) -> None:
        folder = Path(self._target.location)
        if not self._target.is_remote and not folder.is_dir():
            folder.mkdir(parents=True)
            os.chown(folder, DATABASE, DATABASE)
            folder.chmod(0o700)


def _name(base: Described | None) -> str:
    """The form is that of pgBackRest: a full backup is named by its time, one that needs it by both times."""
    now = f"{datetime.now(UTC):%Y%m%d-%H%M%S}"
    return f"{base.backup.name.partition('_')[0]}_{now}I" if base else f"{now}F"


def _stop(entry: Described, reach: Reach, point: Point) -> dict[str, int]:
    name, until = entry.backup.name, reach.archive.until
    if point.mark:
        server, _separator, number = point.mark.partition("/")
        if server != entry.server:
            raise Refusal(
                f"mark {point.mark} is of another data directory than backup {name}",
                f"{playbook('restore', restore_to='<moment>')} restores to a moment instead",
            )
        if int(number) < entry.number:
            raise Refusal(f"backup {name} is later than mark {point.mark}", "choose an older backup")
        if int(number) > max(reach.last_transaction, entry.number):
            raise Refusal(
                f"the archive ends before mark {point.mark}, at {until:%Y-%m-%d %H:%M:%S.%f} UTC",
                f"{playbook('backup')} archives what is there now; or choose an earlier point",
            )
        return {"number": int(number)}
    if point.moment:
        if point.moment < entry.backup.consistent:
            raise Refusal(
                f"backup {name} is of {entry.backup.consistent:%Y-%m-%d %H:%M:%S.%f} UTC, after that moment", "choose an older backup"
            )
        if point.moment > until:
            gap = f" ({reach.archive.gap})" if reach.archive.gap else ""
            raise Refusal(
                f"after backup {name} the archive reaches {until:%Y-%m-%d %H:%M:%S.%f} UTC and no further{gap}",
                "choose a moment before that, or the latest",
            )
        refuse_named_twice(point.moment, [entry.backup.started, *(stretch.until for stretch in reach.stretches)])
        return {"moment": microseconds(point.moment)}
    return {}


def _contents(tables: dict[str, list[Any]]) -> dict[str, tuple[int, str]]:
    return {table: (int(rows), str(checksum)) for table, (rows, checksum) in tables.items()}
