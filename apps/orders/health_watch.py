"""A container's health check that goes on looking while all is well: to begin one costs the engine more than a hundred looks."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

# What a container has there goes with it: it is a tmpfs.
SEEN_WELL = Path("/tmp/seen-well")
SECONDS_BETWEEN_LOOKS = 3.0


def main(look: Callable[[], str], arguments: Sequence[str]) -> int:
    """The argument says for how many seconds to go on; without one there is one look. `look` says what is wrong, if anything is."""
    return exit_code(look, float(arguments[0]) if arguments else 0.0)


def exit_code(look: Callable[[], str], seconds: float, seen_well: Path = SEEN_WELL, pause: float = SECONDS_BETWEEN_LOOKS) -> int:
    """The first check after a start or a failure answers at once, since somebody waits for that answer. A failure is told at once, too."""
    end = time.monotonic() + (seconds if seen_well.exists() else 0.0)
    while not (problem := look()):
        if time.monotonic() + pause > end:
            seen_well.touch()
            return 0
        time.sleep(pause)
    seen_well.unlink(missing_ok=True)
    print(problem, file=sys.stderr)
    return 1
