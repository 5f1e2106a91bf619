"""A server's clock that was set back: then there are moments that came twice, and no restore can know which one is meant.

The image of MariaDB judges by the same rule, in images/mariadb/backups/clock_steps.py, what only the log itself tells; a unit test holds
both to the same answers.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal

# A clock that is disciplined all the time steps by less.
CLOCK_TOLERANCE = timedelta(seconds=2)


def is_set_back(times: Iterable[datetime]) -> bool:
    """Whether one of these times, which were taken one after the other, lies behind an earlier one."""
    return any(True for _step in _steps(times))


def refuse_named_twice(moment: datetime, times: Iterable[datetime]) -> None:
    for before, latest, back in _steps(times):
        begin = before or back
        if begin <= moment <= latest:
            raise Refusal(
                f"the server's clock was set back from {latest:%Y-%m-%d %H:%M:%S} to {back:%Y-%m-%d %H:%M:%S} or earlier,"
                f" so {moment:%Y-%m-%d %H:%M:%S} names no one state",
                f"choose a mark, the latest, or a moment before {begin:%Y-%m-%d %H:%M:%S}",
            )


def _steps(times: Iterable[datetime]) -> Iterable[tuple[datetime | None, datetime, datetime]]:
    """For each step back: the last time before it that is not later than where it leads, the latest time before it, and where it leads."""
    seen: list[datetime] = []
    for time in times:
        if seen and time < max(seen) - CLOCK_TOLERANCE:
            yield max((one for one in seen if one <= time), default=None), max(seen), time
        seen.append(time)
