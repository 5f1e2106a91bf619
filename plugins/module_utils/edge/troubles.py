"""What went wrong at the edge lately, from the end of its access log: cheap, and good enough for a glance. The metrics count exactly."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

_TAIL_BYTES = 1 << 20
# Said on purpose, to everybody who comes.
_INTENDED = ("nothing-live", "maintenance")


def recent_troubles(log: Path, now: datetime, within: timedelta) -> list[str]:
    """Such as `12 colour-away` and `3 replayed from green`, the most frequent first."""
    counted: Counter[str] = Counter()
    for entry in _entries(log):
        try:
            if now - datetime.fromisoformat(entry["time"]) > within:
                continue
            if entry["replayed_from"]:
                counted[f"replayed from {entry['replayed_from']}"] += 1
            if entry["status"] >= 500 and entry["error"] not in _INTENDED:
                counted[entry["error"] or f"answered with {entry['status']} by {entry['colour'] or 'the edge'}"] += 1
        except (KeyError, TypeError, ValueError):
            continue
    return [f"{count} {trouble}" for trouble, count in counted.most_common()]


def _entries(log: Path) -> Iterator[dict[str, Any]]:
    try:
        with log.open("rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, size - _TAIL_BYTES))
            lines = stream.read().split(b"\n")
    except OSError:
        return
    for line in lines:
        # Parsing all of them would take longer than the rest of the screen.
        if b'"error":"","replayed_from":""' in line and b'"status":5' not in line:
            continue
        try:
            yield json.loads(line.decode("latin-1"))
        except ValueError:
            continue
