"""Which backups may go."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.database.backup_tool import Backup, Kind


@dataclass(frozen=True)
class Retention:
    keep_full: int
    # Every moment of this many days stays restorable.
    keep_days: int
    full_every_days: int

    def __post_init__(self) -> None:
        if self.keep_full < 1 or self.keep_days < 0 or self.full_every_days < 1:
            raise Refusal(
                f"keep_full={self.keep_full}, keep_days={self.keep_days}, full_every_days={self.full_every_days} keep nothing",
                "keep_full and full_every_days are at least 1, keep_days at least 0",
            )

    def next_kind(self, backups: Sequence[Backup], now: datetime) -> Kind:
        fulls = [backup.consistent for backup in backups if backup.kind == "full"]
        return "incremental" if fulls and now - max(fulls) < timedelta(days=self.full_every_days) else "full"

    def expired(self, backups: Sequence[Backup], proved: AbstractSet[str], now: datetime) -> list[str]:
        """`backups` come oldest first. As long as none is proved none goes, and the newest proved one stays whatever else is said."""
        names = [backup.name for backup in backups]
        newest_proved = max((index for index, name in enumerate(names) if name in proved), default=None)
        if newest_proved is None:
            return []
        begin = now - timedelta(days=self.keep_days)
        kept = set(names[newest_proved:])
        kept |= {backup.name for backup in backups if backup.consistent >= begin}
        # A restore to the first moment of these days starts from the last one before.
        kept |= {backup.name for backup in [backup for backup in backups if backup.consistent < begin][-1:]}
        kept |= {backup.name for backup in [backup for backup in backups if backup.kind == "full"][-self.keep_full :]}
        for backup in reversed(backups):
            if backup.name in kept:
                kept.update(backup.needs)
        return [name for name in names if name not in kept]
