"""The port behind which backups of a durable database are taken and restored, whichever tool does it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal

Kind = Literal["full", "incremental"]
FAILED_BACKUP_TOOL_REMEDY = "remove the cause that the tool names, then run this again; docs/operate/backup-and-restore.md lists usual ones"
OLDER_BACKUP_REMEDY = "only a server of that major restores it: docs/operate/upgrade.md says how to get one"


@dataclass(frozen=True)
class Backup:
    """A backup in the repository that is complete by what the repository says; only a restore proves more."""

    name: str
    kind: Kind
    # An incremental backup needs these, oldest first; a full one needs none.
    needs: tuple[str, ...]
    started: datetime
    # A restore to any moment before this needs an older backup.
    consistent: datetime
    # This many bytes it takes in the repository.
    size: int


@dataclass(frozen=True)
class Archive:
    """How far the log continues a backup without a gap."""

    until: datetime
    # This is the first thing that is missing after that, in a user's words; it is empty when nothing is.
    gap: str = ""


@dataclass(frozen=True)
class Damage:
    """A piece of the repository that is no longer what was written."""

    # A user reads this, such as "pack 871725cb is damaged".
    what: str
    # These backups cannot be restored any more, those that need a damaged one included.
    backups: tuple[str, ...] = ()


@dataclass(frozen=True)
class Point:
    """Where a restore shall end: at a moment, at a mark the tool made, or with all that there is."""

    moment: datetime | None = None
    mark: str = ""


class RepositoryPasswords(ABC):
    """The passwords of a repository that may have several: each opens it, and none of its files depends on one."""

    @abstractmethod
    def alone(self) -> AbstractContextManager[None]:
        """Nobody else works on the repository of this environment until the block ends."""

    @abstractmethod
    def add(self, file: str) -> None:
        """The content of that file, as the tool's container sees it, opens the repository from now on."""

    @abstractmethod
    def remove_others(self) -> int:
        """Only the environment's own password opens the repository from now on; gives how many others did."""


class BackupTool(ABC):
    """All moments are UTC. Every method refuses (`Refusal`) with the tool's own last words when it fails."""

    # The program that keeps the repository.
    program: ClassVar[str]

    @property
    def passwords(self) -> RepositoryPasswords | None:
        """None where every file is encrypted with the key itself: then another key takes another repository."""
        return None

    @abstractmethod
    def prepare(self) -> bool:
        """Make the repository and what feeds its log archive, if they are missing; tells whether anything was. Where a server was made
        anew, or runs on other data than before, it harms nothing that the repository holds."""

    @abstractmethod
    def is_prepared(self) -> bool:
        """Whether `prepare` would leave everything as it is; without a server it would not."""

    @abstractmethod
    def backups(self) -> list[Backup]:
        """All that there are, the oldest first."""

    @abstractmethod
    def take(self, kind: Kind) -> Backup: ...

    @abstractmethod
    def archives_after(self, backups: Sequence[Backup]) -> list[Archive]:
        """How far the log continues each of them, all as of one moment: where the same log continues two, they reach equally far."""

    def archive_after(self, backup: Backup) -> Archive:
        return self.archives_after([backup])[0]

    @abstractmethod
    def archive_now(self) -> None:
        """All that was committed before this call is in the archive when it returns."""

    def archive_if_possible(self, generation: str) -> list[str]:
        """Archive for a caller that goes on even if this fails; gives a warning then. `generation` says where the rest of the log stays."""
        try:
            self.archive_now()
        except Refusal as refusal:
            return [f"the end of the log could not be archived ({refusal.cause}); it stays in the generation {generation}"]
        return []

    def prepare_if_possible(self) -> list[str]:
        """Prepare for a caller that already serves other data, and give the warning when their log is not archived yet."""
        try:
            self.prepare()
        except Refusal as refusal:
            return [f"it serves, and its log is not archived yet: {refusal}"]
        return []

    @abstractmethod
    def mark(self) -> tuple[str, dict[str, tuple[int, str]]]:
        """A point that a restore can end at exactly, and what every table held then: rows and a checksum."""

    @abstractmethod
    def restore(self, backup: Backup, point: Point, volume: str, folder: str) -> None:
        """Build a data directory in `folder` (relative, empty or missing) of that volume: a server started on it serves, and knows no more
        than the point. Nothing that works on it writes into the repository."""

    @abstractmethod
    def contents(self, container: str) -> dict[str, tuple[int, str]]:
        """Rows and checksum of every table of the application in a running server of ours, comparable with those of `mark`."""

    @abstractmethod
    def check(self) -> list[str]:
        """What is wrong with the repository itself, in a user's words; nothing is restored."""

    @abstractmethod
    def parts(self, days: int) -> list[str]:
        """Names of the parts that `read` takes; together they are all there is. As many as there are days, where the tool can do that."""

    @abstractmethod
    def read(self, part: str) -> list[Damage]:
        """Read every byte of that part of the repository; nothing is changed."""

    @abstractmethod
    def expire(self, names: Sequence[str]) -> None:
        """Delete exactly these backups, and the archive that no remaining one needs."""
