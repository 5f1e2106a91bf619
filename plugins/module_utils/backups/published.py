"""Up to when a database can be restored, for those who only watch: worked out by whoever asks anyway, and written down with its moment.

It is never extrapolated: a log that grows since then may have a gap, and only the tool that keeps it can tell.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.backups.record import BackupRecord
from ansible_collections.echobase.platform.plugins.module_utils.backups.restorable import Restorable, restorable
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.database.backup_tool import BackupTool
from ansible_collections.echobase.platform.plugins.module_utils.environment.published import FOLDER, publish
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment

_SCHEDULE = "backup-schedule.json"
# The first backup on a schedule takes its time, and is proved.
_FIRST_TAKES = timedelta(hours=2)


def publish_schedule(env: Environment, at: str) -> None:
    """Writes down when the first backup is due; empty for no schedule. Another time of day changes nothing about that."""
    place = Path(env.path(FOLDER, _SCHEDULE))
    if not at:
        place.unlink(missing_ok=True)
    elif _first_due(env) is None:
        hour, minute = (int(part) for part in at.split(":"))
        now = datetime.now().astimezone()
        today = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
        publish(env, _SCHEDULE, {"first_due": _text(today if today > now else today + timedelta(days=1))})


def published_restorable(env: Environment, engine: str, tool: BackupTool, *, check_mode: bool = False) -> Restorable:
    """As `restorable`, and the answer becomes metrics; in check mode nothing is written."""
    # What was archived while the question was asked is not in the answer for certain.
    asked = datetime.now(UTC)
    found = restorable(env, engine, tool)
    if not check_mode:
        publish(
            env,
            f"restorable-{engine}.json",
            {
                "engine": engine,
                "computed_at": _text(asked),
                "as_of": _text(found.as_of),
                "proved_by": found.proved_by,
                "proved_at": _text(found.proved_at),
                "problem": found.problem,
                "due": _text(_due(env, engine, found)),
                "newest": _text(found.newest.consistent if found.newest else None),
                "newest_bytes": found.newest.size if found.newest else 0,
            },
        )
    return found


def _due(env: Environment, engine: str, found: Restorable) -> datetime | None:
    """From when on nothing excuses that nothing can be restored; None where nobody ever wanted a backup."""
    try:
        record = BackupRecord(env, engine).read()
    except Refusal:
        # Somebody had backups once.
        return datetime.fromtimestamp(0, UTC)
    there_once = [proof.at for proof in record.proofs.values()] + ([record.failure.at] if record.failure else [])
    there_once += [found.newest.consistent] if found.newest else []
    first = _first_due(env)
    return min([*there_once, *([first + _FIRST_TAKES] if first else [])], default=None)


def _first_due(env: Environment) -> datetime | None:
    try:
        content: Any = json.loads(Path(env.path(FOLDER, _SCHEDULE)).read_text(encoding="utf-8"))
        return datetime.fromisoformat(content["first_due"])
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="milliseconds") if moment else None
