"""Reading all that a repository holds, by and by: a bit that flips in an old backup is found by us, and not by whoever needs that backup.

A proof restores the newest backup, and so reads that one and the log since. The rest lies for weeks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from ansible_collections.echobase.platform.plugins.module_utils.backups.record import Reading
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal

DEFAULT_READ_DAYS = 7
# Daily runs begin at about the same time, not at the same second.
_EARLY = timedelta(hours=12)
_NEVER = datetime.min.replace(tzinfo=UTC)


def due(parts: Sequence[str], readings: Mapping[str, Reading], days: int, now: datetime) -> list[str]:
    """Each run reads the part that was read longest ago. With it go those that would be too late otherwise, and those in
    which something was damaged: it may be mended. A repository that is one part alone is read when its time has come."""
    if days < 0:
        raise Refusal(f"read_days={days} is no number of days", "7 has everything read once a week, 0 with each run")
    late = now - timedelta(days=days) + _EARLY
    longest_ago = min(parts, key=lambda part: readings[part].at if part in readings else _NEVER)
    chosen = []
    for part in parts:
        reading = readings.get(part)
        its_turn = part == longest_ago and (len(parts) > 1 or reading is None)
        if its_turn or (reading and (reading.damage or reading.at <= late)):
            chosen.append(part)
    return chosen
