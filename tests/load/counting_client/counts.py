"""The numbers of one kind of request, or of all kinds together."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from counting_client.account import Account, is_good
from counting_client.latency import Latency, Window


@dataclass(slots=True)
class Counts:
    sent: int
    answered: int
    lost_by_reason: dict[str, int]
    by_status: dict[int, int]
    by_colour: dict[str, int]
    wrong_colour: int
    duplicates: int
    connect_failures: int
    reopened: int
    refused_and_repeated: int
    latency: Latency
    # Under way while traffic was switched or shortly before or after; and at any other time.
    around_switches: Latency
    quiet: Latency

    @classmethod
    def of(cls, accounts: Sequence[Account], windows: Sequence[Window]) -> Counts:
        around, quiet = array("f"), array("f")
        for account in accounts:
            touching, others = account.latencies.touching(windows)
            around += touching
            quiet += others
        return cls(
            sent=sum(account.sent for account in accounts),
            answered=sum(account.answered for account in accounts),
            lost_by_reason=_summed([account.lost for account in accounts]),
            by_status=_summed([account.by_status for account in accounts]),
            by_colour=_summed([account.by_colour for account in accounts]),
            wrong_colour=sum(account.wrong_colour for account in accounts),
            duplicates=sum(account.duplicates for account in accounts),
            connect_failures=sum(account.connect_failures for account in accounts),
            reopened=sum(account.reopened for account in accounts),
            refused_and_repeated=sum(account.refused_and_repeated for account in accounts),
            latency=Latency.of(around + quiet),
            around_switches=Latency.of(around),
            quiet=Latency.of(quiet),
        )

    @property
    def lost(self) -> int:
        """Handed to a connection, and no whole answer came back on it."""
        return sum(self.lost_by_reason.values())

    @property
    def server_errors(self) -> int:
        return sum(count for status, count in self.by_status.items() if status >= 500)

    @property
    def other_statuses(self) -> int:
        """Neither a success nor a server's error."""
        return sum(count for status, count in self.by_status.items() if not is_good(status) and status < 500)

    @property
    def not_served(self) -> int:
        """Everything a user without retries would have noticed."""
        return self.lost + self.server_errors + self.connect_failures

    @property
    def unaccounted(self) -> int:
        return self.sent - self.answered - self.lost


def _summed(counters: Sequence[Counter[Any]]) -> dict[Any, int]:
    total: Counter[Any] = Counter()
    for counter in counters:
        total += counter
    return dict(sorted(total.items()))
