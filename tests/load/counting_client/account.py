"""What became of the requests of one kind."""

from __future__ import annotations

from collections import Counter

from counting_client.latency import Latencies


class Account:
    def __init__(self) -> None:
        self.sent = 0
        self.answered = 0
        self.lost: Counter[str] = Counter()
        self.by_status: Counter[int] = Counter()
        self.by_colour: Counter[str] = Counter()
        self.wrong_colour = 0
        self.duplicates = 0
        self.connect_failures = 0
        self.reopened = 0
        self.refused_and_repeated = 0
        self.latencies = Latencies()


def is_good(status: int) -> bool:
    """A success, or the upgrade to WebSocket (nothing else may answer 101)."""
    return 200 <= status < 300 or status == 101
