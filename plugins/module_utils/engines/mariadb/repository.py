"""What a repository of MariaDB backups holds, read from the tags of its snapshots: backups, and stretches of the binary log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.database.backup_tool import Archive, Backup, Damage
from ansible_collections.echobase.platform.plugins.module_utils.database.clock import is_set_back

_MICROSECONDS = 1_000_000


@dataclass(frozen=True)
class Described:
    """A backup, and what the tools need to know about it."""

    backup: Backup
    snapshot: str
    # It was taken of this major version; the field is empty in backups from before there were two.
    major: str
    # This snapshot has the data themselves.
    stream: str
    # It is of the data directory with this server id: each has one of its own.
    server: str
    # It holds everything up to this transaction, which is in this log. A backup that continues it takes what changed since this LSN.
    number: int
    log: int
    lsn: str


@dataclass(frozen=True)
class Stretch:
    """Consecutive binary logs of one server."""

    snapshot: str
    server: str
    # This is the logs' name without its number.
    base: str
    first: int
    final: int
    last_transaction: int
    # It has all that was committed before this moment, unless a later stretch has that.
    until: datetime

    def name(self, log: int) -> str:
        return f"{self.base}.{log:06d}"

    def logs(self, since: int) -> list[str]:
        return [self.name(log) for log in range(max(since, self.first), self.final + 1)]


@dataclass(frozen=True)
class Reach:
    """The log that continues a backup."""

    stretches: tuple[Stretch, ...]
    archive: Archive

    @property
    def last_transaction(self) -> int:
        return self.stretches[-1].last_transaction if self.stretches else 0


class MariadbRepository:
    def __init__(self, snapshots: Sequence[Mapping[str, Any]]) -> None:
        self._tagged = [(str(snapshot["id"]), _tags(snapshot)) for snapshot in snapshots]

    @cached_property
    def described(self) -> list[Described]:
        """The backups that are there with all that they need, the oldest first."""
        streams = {snapshot for snapshot, tags in self._tagged if tags.get("kind") == "stream"}
        found = [_described(snapshot, tags) for snapshot, tags in self._tagged if tags.get("kind") == "backup"]
        whole = {entry.backup.name: entry for entry in found if entry.stream in streams}
        usable = [entry for entry in whole.values() if whole.keys() >= set(entry.backup.needs)]
        # The backups of one data directory are in the order of what they hold, since a clock may have been set back in between.
        begun: dict[str, datetime] = {}
        for entry in usable:
            begun[entry.server] = min(begun.get(entry.server, entry.backup.consistent), entry.backup.consistent)
        return sorted(usable, key=lambda entry: (begun[entry.server], entry.number, int(entry.lsn), entry.backup.consistent))

    def one(self, name: str) -> Described:
        for entry in self.described:
            if entry.backup.name == name:
                return entry
        raise Refusal(
            f"the repository has no backup {name}, or not all that it needs", "module durable_db_backup_info lists those that there are"
        )

    def chain(self, entry: Described) -> list[Described]:
        return [*(self.one(name) for name in entry.backup.needs), entry]

    def latest_of(self, server: str) -> Described | None:
        return next((entry for entry in reversed(self.described) if entry.server == server), None)

    def reach(self, entry: Described) -> Reach:
        stretches = [stretch for stretch in self._stretches if stretch.server == entry.server and stretch.final >= entry.log]
        reached: list[Stretch] = []
        expected = entry.log
        for stretch in stretches:
            if stretch.first > expected:
                return _reach(entry, reached, _missing(stretch, expected))
            reached.append(stretch)
            expected = stretch.final + 1
        return _reach(entry, reached, "" if reached else "nothing that was written since this backup is archived")

    def snapshots_to_remove(self, names: Sequence[str]) -> list[str]:
        """The snapshots of these backups, and those that no remaining backup needs: log, and what killed backups left."""
        gone = {entry.backup.name for entry in self.described if entry.backup.name in names}
        kept = [entry for entry in self.described if entry.backup.name not in gone]
        orphans = [entry.backup.name for entry in kept if gone & set(entry.backup.needs)]
        if orphans:
            raise Refusal(f"backup {orphans[0]} needs one that should be deleted: nothing was deleted", "delete both, or neither")
        needed = {entry.snapshot for entry in kept} | {entry.stream for entry in kept}
        oldest: dict[str, int] = {}
        for entry in kept:
            oldest[entry.server] = min(oldest.get(entry.server, entry.log), entry.log)
        needed |= {stretch.snapshot for stretch in self._stretches if stretch.final >= oldest.get(stretch.server, stretch.final + 1)}
        return [snapshot for snapshot, _own_tags in self._tagged if snapshot not in needed]

    def damaged(self, what: str, snapshots: Sequence[str]) -> Damage:
        """What is lost when these snapshots cannot be read."""
        # A snapshot that describes a backup says all in its tags; nobody needs its content.
        broken = {entry.backup.name for entry in self.described if entry.stream in snapshots}
        lost = [entry.backup.name for entry in self.described if broken & {entry.backup.name, *entry.backup.needs}]
        logs = [self._lost_log(stretch) for stretch in self._stretches if stretch.snapshot in snapshots]
        return Damage("; ".join([what, *logs]), tuple(lost))

    def _lost_log(self, lost: Stretch) -> str:
        own = [entry.backup.consistent for entry in self.described if entry.server == lost.server]
        before = [*own[:1], *(one.until for one in self._stretches if one.server == lost.server and one.final < lost.first)]
        after = [entry.backup.consistent for entry in self.described if entry.server == lost.server and entry.log > lost.final]
        begin = f" after {max(before):%Y-%m-%d %H:%M:%S}" if before else ""
        end = f" before {min(after):%Y-%m-%d %H:%M:%S}" if after else ""
        return f"with it the binary logs {lost.name(lost.first)} to {lost.name(lost.final)}, so no moment{begin}{end} can be restored"

    @cached_property
    def _stretches(self) -> list[Stretch]:
        """All stretches, by server and the oldest first. Where several begin with the same log, the longest has what the others have."""
        longest: dict[tuple[str, int], Stretch] = {}
        for snapshot, tags in self._tagged:
            if tags.get("kind") == "binlog":
                stretch = _stretch(snapshot, tags)
                known = longest.setdefault((stretch.server, stretch.first), stretch)
                if stretch.final > known.final:
                    longest[(stretch.server, stretch.first)] = stretch
        return sorted(longest.values(), key=lambda stretch: (stretch.server, stretch.first))


def moment(microseconds: str | int) -> datetime:
    whole, rest = divmod(int(microseconds), _MICROSECONDS)
    return datetime.fromtimestamp(whole, UTC).replace(microsecond=rest)


def microseconds(moment: datetime) -> int:
    whole = int(moment.replace(microsecond=0).timestamp())
    return whole * _MICROSECONDS + moment.microsecond


def _reach(entry: Described, stretches: list[Stretch], gap: str) -> Reach:
    reach = Reach(tuple(stretches), Archive(entry.backup.started, gap))
    if not stretches:
        return reach
    # The backup itself has all that was committed before it began. Where a clock was set back the later log tells the earlier moment.
    until = stretches[-1].until
    times = [entry.backup.started, *(stretch.until for stretch in stretches)]
    return replace(reach, archive=Archive(until if is_set_back(times) else max(times), gap))


def _missing(following: Stretch, first: int) -> str:
    last = following.first - 1
    if first == last:
        return f"binary log {following.name(first)} is missing"
    return f"the binary logs {following.name(first)} to {following.name(last)} are missing"


def _tags(snapshot: Mapping[str, Any]) -> dict[str, str]:
    pairs = (str(tag).partition("=") for tag in snapshot.get("tags") or ())
    return {name: value for name, _separator, value in pairs}


def _described(snapshot: str, tags: Mapping[str, str]) -> Described:
    needs = tuple(name for name in tags["needs"].split("+") if name)
    backup = Backup(
        name=tags["name"],
        kind="incremental" if needs else "full",
        needs=needs,
        started=moment(tags["started"]),
        consistent=moment(tags["consistent"]),
        size=int(tags["size"]),
    )
    return Described(
        backup, snapshot, tags.get("major", ""), tags["stream"], tags["server"], int(tags["number"]), _log(tags["log"]), tags["lsn"]
    )


def _stretch(snapshot: str, tags: Mapping[str, str]) -> Stretch:
    base = tags["first"].rpartition(".")[0]
    numbers = _log(tags["first"]), _log(tags["final"]), int(tags["last"])
    return Stretch(snapshot, tags["server"], base, *numbers, moment(tags["until"]))


def _log(name: str) -> int:
    return int(name.rpartition(".")[2])
