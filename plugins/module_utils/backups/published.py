"""Up to when a database can be restored, for those who only watch: worked out by whoever asks anyway, and written down with its moment.

It is never extrapolated: a log that grows since then may have a gap, and only the tool that keeps it can tell.
"""

from __future__ import annotations

from datetime import UTC, datetime

from ansible_collections.echobase.platform.plugins.module_utils.backups.restorable import Restorable, restorable
from ansible_collections.echobase.platform.plugins.module_utils.database.backup_tool import BackupTool
from ansible_collections.echobase.platform.plugins.module_utils.environment.published import publish
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment


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
                "newest": _text(found.newest.consistent if found.newest else None),
                "newest_bytes": found.newest.size if found.newest else 0,
            },
        )
    return found


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="milliseconds") if moment else None
