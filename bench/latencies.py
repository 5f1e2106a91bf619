"""Latencies of several rounds as one figure, in milliseconds."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from counting_client.latency import Latency


@dataclass(frozen=True)
class Latencies:
    count: int
    # Medians over the rounds.
    p50_ms: float
    p99_ms: float

    @classmethod
    def of(cls, rounds: Sequence[Latency]) -> Latencies:
        return cls(
            sum(one.count for one in rounds),
            round(statistics.median(one.p50 for one in rounds) * 1e3, 3),
            round(statistics.median(one.p99 for one in rounds) * 1e3, 3),
        )
