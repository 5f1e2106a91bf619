"""Who has an environment, what for and since when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ansible_collections.echobase.platform.plugins.module_utils.host.process_identity import NOBODY, ProcessIdentity

SECONDS_BETWEEN_RENEWALS = 10
# This leaves room for several renewals, so that a slow connection costs no run its lease.
EXPIRES_AFTER_SECONDS = 60


@dataclass(frozen=True)
class Lease:
    number: int = 0
    # The name of the run; it is empty while nobody has the lease.
    run: str = ""
    owner: str = ""
    operation: str = ""
    process: ProcessIdentity = NOBODY
    since: str = ""
    renewed: str = ""

    @property
    def is_held(self) -> bool:
        return bool(self.run)

    def is_abandoned(self, now: datetime) -> bool:
        """Whether its run has ended without giving it back."""
        ended = self.process.has_ended
        return self.seconds_since_renewal(now) > EXPIRES_AFTER_SECONDS if ended is None else ended

    def seconds_since_renewal(self, now: datetime) -> float:
        return (now - datetime.fromisoformat(self.renewed)).total_seconds()

    @property
    def holder(self) -> str:
        return f"{self.operation} by {self.owner}@{self.process.host} (process {self.process.process}) since {self.since[11:19]} UTC"
