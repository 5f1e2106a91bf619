"""Where a restore shall end, and the backups that can lead there."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.database.backup_tool import Archive, Backup, Point

LATEST = "latest"
_GENERATION = re.compile(r"\d{6}")


@dataclass(frozen=True)
class RestorePoint:
    """As a user names it: `latest`, a moment, a mark that a verification made, or a generation that is still there."""

    # Two points that differ in this alone are the same.
    text: str = field(compare=False)
    moment: datetime | None = None
    mark: str = ""
    generation: str = ""

    @property
    def point(self) -> Point:
        return Point(self.moment, self.mark)


@dataclass(frozen=True)
class Candidate:
    backup: Backup
    archive: Archive


def parse(text: str) -> RestorePoint:
    if _GENERATION.fullmatch(text):
        return RestorePoint(text, generation=text)
    if text == LATEST:
        return RestorePoint(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return RestorePoint(text, mark=text)
    if moment.tzinfo is None:
        raise Refusal(f"'{text}' could be many moments", f"say which time it is: {text}Z is UTC, {text}+02:00 is two hours ahead of it")
    return RestorePoint(text, moment=moment.astimezone(UTC))


def choose(wanted: RestorePoint, candidates: Sequence[Candidate], marks: Mapping[str, datetime]) -> list[Candidate]:
    """The backups that lead there, in the order to be tried. `candidates` come oldest first, `marks` are the moments of marks we know."""
    if not candidates:
        raise Refusal("there is no backup", f"{playbook('backup')} takes one")
    newest_first = list(reversed(candidates))
    moment = wanted.moment or marks.get(wanted.mark)
    if moment is not None:
        fitting = [one for one in newest_first if one.backup.consistent <= moment <= one.archive.until]
        if not fitting:
            raise Refusal(f"{wanted.text} is beyond what the backups can restore", f"they can restore {_spans(candidates)}")
        return fitting
    if wanted.mark:
        return newest_first
    return sorted(newest_first, key=lambda one: one.archive.until, reverse=True)


def _spans(candidates: Sequence[Candidate]) -> str:
    """Says which spans of time can be restored; spans that touch are joined."""
    spans: list[tuple[datetime, datetime, str]] = []
    for one in candidates:
        begin, end, gap = one.backup.consistent, one.archive.until, one.archive.gap
        if spans and begin <= spans[-1][1]:
            begin, last_end, last_gap = spans.pop()
            end, gap = max((last_end, last_gap), (end, gap))
        spans.append((begin, end, gap))
    return ", and ".join(f"{begin.isoformat()} to {end.isoformat()}{f' (then {gap})' if gap else ''}" for begin, end, gap in spans)
