"""How long idle connections stay quiet: every idle time up to the longest gets its turn."""

from __future__ import annotations

import random

BUCKET = 5.0


def idle_pauses(connection: int, seconds: float, longest: float, seed: int) -> list[float]:
    """The pauses of one connection, which together fit into `seconds`.

    The first one's bucket (0-5 s, 5-10 s, ...) goes round by the connection's number, so that a few connections cover all of
    them; what follows is drawn from the buckets that still fit.
    """
    draw = random.Random(seed * 1_000_003 + connection)
    pauses: list[float] = []
    left = seconds
    bucket = connection
    while (fitting := int(min(left, longest) // BUCKET)) > 0:
        start = (bucket % fitting) * BUCKET
        pause = draw.uniform(max(start, 0.5), start + BUCKET)
        pauses.append(pause)
        left -= pause
        bucket = draw.randrange(fitting)
    return pauses
