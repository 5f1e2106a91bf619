"""Each loop leaves a sign of life; the container's health check looks at how old the signs are."""

from __future__ import annotations

import time
from pathlib import Path

FOLDER = Path("/tmp/order_processor")
LOOPS = ("relay", "sweep", "consumer", "tidy")
# A loop that hears nothing from the queue or the database for its longest time-outs is still alive.
OLDEST_SECONDS = 60.0


def beat(loop: str, folder: Path = FOLDER) -> None:
    try:
        (folder / loop).touch()
    except FileNotFoundError:
        folder.mkdir(exist_ok=True)
        (folder / loop).touch()


def silent_loops(folder: Path = FOLDER) -> list[str]:
    return [loop for loop in LOOPS if _age(folder / loop) > OLDEST_SECONDS]


def _age(sign: Path) -> float:
    try:
        return time.time() - sign.stat().st_mtime
    except FileNotFoundError:
        return float("inf")
