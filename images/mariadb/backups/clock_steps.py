"""A server's clock that was set back: then there are moments that came twice, and no restore can know which one is meant.

The collection judges by the same rule, in plugins/module_utils/database/clock.py, what it knows before it begins; a unit test holds both
to the same answers.
"""

from __future__ import annotations

from bisect import bisect_right, insort

# Microseconds by which a clock that is disciplined all the time may step.
CLOCK_TOLERANCE = 2_000_000


class ClockSteps:
    """Learns times one by one, in the order in which they were taken."""

    def __init__(self) -> None:
        self._seen: list[int] = []
        # From the last time before a step that is earlier than the one after it, to the latest before the step.
        self._twice: list[tuple[int, int]] = []

    def learn(self, time: int) -> None:
        if self._seen and time < self._seen[-1] - CLOCK_TOLERANCE:
            earlier = bisect_right(self._seen, time)
            self._twice.append((self._seen[earlier - 1] if earlier else time, self._seen[-1]))
        insort(self._seen, time)

    def came_twice(self, moment: int) -> bool:
        return any(begin <= moment <= end for begin, end in self._twice)
