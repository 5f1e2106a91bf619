"""The log that follows one backup of pgBackRest: which timelines lead on from it, how far they reach, and to which moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.database.backup_tool import Archive
from ansible_collections.echobase.platform.plugins.module_utils.engines.postgresql.pgbackrest import STANZA, PgBackrest, refusal
from ansible_collections.echobase.platform.plugins.module_utils.engines.postgresql.wal import (
    Line,
    Reach,
    Segment,
    WalArchive,
    histories_in,
    line_of,
    position,
    segments_in,
)

# Names of points in the log end with their moment in this form, since the log's reader does not print it.
MOMENT_IN_NAME = "%Y%m%dT%H%M%S.%f"
_MOMENTS = ("%Y-%m-%d %H:%M:%S.%f", MOMENT_IN_NAME)
# Prints when the last thing in a segment happened, as far as the log tells. The repository gives it decrypted and still packed; the reader
# wants it under its own name.
_LAST_MOMENT = r"""
set -o pipefail
folder=$(mktemp --directory)
trap 'rm -r "$folder"' EXIT
pgbackrest repo-get "$1" | if [[ $1 == *.zst ]]; then zstd --decompress --quiet; else cat; fi > "$folder/$2"
pg_waldump --rmgr=Transaction --rmgr=XLOG --path="$folder" "$2" "$2" \
 | { grep --extended-regexp '(COMMIT|ABORT)[A-Z_ ]* [0-9]{4}-|RESTORE_POINT (mark|archived)-' || true; } \
 | grep --only-matching --extended-regexp '[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:.]+|[0-9]{8}T[0-9]{6}[.][0-9]{6}' \
 | tail --lines=1
"""
_TELLS_NO_MOMENT = 1


@dataclass(frozen=True)
class ArchivedLog:
    tool: PgBackrest
    archive: WalArchive
    # What `pgbackrest info` tells of the backup.
    backup: Mapping[str, Any]

    @classmethod
    def after(cls, tool: PgBackrest, stanza: Mapping[str, Any], backup: Mapping[str, Any]) -> ArchivedLog:
        """Reads all folders of the log that belong to the backup's database. It has several where another database was made in between."""
        made = {entry["id"]: (entry["version"], entry["system-id"]) for entry in stanza["db"]}
        same = made[backup["database"]["id"]]
        segments, histories = {}, {}
        for number in sorted(made):
            if made[number] == same:
                folder = f"archive/{STANZA}/{same[0]}-{number}"
                listing = tool.table("repo-ls", folder, "--recurse")
                segments.update(segments_in(listing, folder))
                histories.update(histories_in(listing, folder))
        lines = {number: line_of(number, tool.run("repo-get", path)) for number, path in histories.items()}
        first = Segment.named(backup["archive"]["start"]).timeline
        # The first of all timelines has no history.
        return cls(tool, WalArchive(segments, {1: Line(1), first: Line(first)} | lines), backup)

    def line(self, moment: datetime | None) -> Line:
        """Gives the line of timelines that was served at that moment; without a moment, the one that is served now."""
        return self.archive.lines[self.archive.timeline_at(moment, self.archive.timelines_after(*self._end))]

    def line_with(self, timeline: int) -> Line:
        line = self.archive.lines.get(timeline)
        if line is None:
            raise Refusal(
                f"{timeline:08X}.history of the log is missing in the repository",
                f"{playbook('restore', restore_to='<moment>')} restores to a moment instead",
            )
        if not line.passes(*self._end):
            raise Refusal(
                f"the log that leads to that mark left this one before backup {self.backup['label']} was complete",
                f"an older backup may lead there; {playbook('restore', restore_to='<moment>')} restores to a moment instead",
            )
        return line

    def reach(self, line: Line) -> Reach:
        return self.archive.reach(Segment.named(self.backup["archive"]["start"]).number, line)

    def times(self, line: Line) -> list[datetime]:
        """Gives when each segment came to the repository, in the order of what they hold."""
        first, last = Segment.named(self.backup["archive"]["start"]).number, self.reach(line).last
        return [self.archive.segments[line.segment(number)].at for number in range(first, last.number + 1)] if last else []

    def until(self, line: Line) -> Archive:
        reach = self.reach(line)
        needed = Segment.named(self.backup["archive"]["stop"]).number
        if reach.last is None or reach.last.number < needed:
            started = datetime.fromtimestamp(self.backup["timestamp"]["start"], UTC)
            return Archive(started, f"segment {reach.missing} of the log, which the backup itself needs, is missing")
        gap = f"segment {reach.missing} of the log is missing" if reach.missing else ""
        for number in range(reach.last.number, needed - 1, -1):
            segment = line.segment(number)
            try:
                moment = self._last_moment(segment)
            except Refusal as damage:
                gap = f"segment {segment.name} of the log is damaged: {damage.cause}"
                continue
            if moment:
                return Archive(moment, gap)
        return Archive(datetime.fromtimestamp(self.backup["timestamp"]["stop"], UTC), gap)

    def _last_moment(self, segment: Segment) -> datetime | None:
        path = self.archive.segments[segment].path
        status, output, complaint = self.tool.attempt("bash", "-c", _LAST_MOMENT, "bash", path, segment.name)
        text = output.strip()
        # 1 without a word means that it tells no moment. Whoever was killed while he read says nothing, too.
        if status not in (0, _TELLS_NO_MOMENT) or (status != 0 and complaint.strip()):
            raise refusal("reading it", complaint or f"it ended with status {status}")
        return _moment(text) if text else None

    @property
    def _end(self) -> tuple[int, int]:
        return Segment.named(self.backup["archive"]["stop"]).timeline, position(self.backup["lsn"]["stop"])


def _moment(text: str) -> datetime:
    form = _MOMENTS[0] if " " in text else _MOMENTS[1]
    return datetime.strptime(text, form).replace(tzinfo=UTC)
