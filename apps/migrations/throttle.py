"""How fast a backfill may go: no batch takes long, the database rests as long as it worked, and the replica keeps up."""

from __future__ import annotations

import time
from dataclasses import dataclass

from migrations.replica_pace import ReplicaPace

_LONGEST_BATCH_SECONDS = 0.2
_LARGEST_BATCH = 10_000
_SMALLEST_BATCH = 50


@dataclass
class Throttle:
    """A batch that takes long shows a busy server, whatever keeps it busy: the next one is smaller, and the rest is longer."""

    batch: int = 1000
    pace: ReplicaPace | None = None

    def rest(self, worked: float) -> None:
        if worked > _LONGEST_BATCH_SECONDS:
            self.batch = max(_SMALLEST_BATCH, self.batch // 2)
        elif worked < _LONGEST_BATCH_SECONDS / 4:
            self.batch = min(_LARGEST_BATCH, self.batch * 2)
        time.sleep(worked)
        if self.pace:
            self.pace.wait()
