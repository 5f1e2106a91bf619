"""A moment as the environment's files write it, in the seconds that Prometheus counts."""

from __future__ import annotations

from datetime import UTC, datetime


def seconds(moment: str) -> float:
    parsed = datetime.fromisoformat(moment)
    # A file that names no zone means UTC, as all of ours do.
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
