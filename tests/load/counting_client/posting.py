"""Those who send one POST after the other: without a break, or after pauses."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from counting_client.course import Course
from counting_client.pauses import idle_pauses

# Idle connections begin spread over this time and end before the run does.
_SPREAD = 2.0
# Sends one request after that pause.
Attempt = Callable[[float], Awaitable[object]]


async def post_all_the_time(course: Course, number: int, attempt: Attempt) -> None:
    config = course.config
    at_work = config.busy + config.http2_connections * config.http2_streams
    period = at_work / config.rate if config.rate else 0.0
    due = course.tally.began + period * number / at_work
    while not course.over:
        if period:
            now = time.monotonic()
            await course.pause(due - now)
            # Missed slots are not made up for: the rate is a ceiling.
            due = max(due + period, now)
            if course.over:
                return
        await attempt(0.0)


async def post_now_and_then(course: Course, number: int, attempt: Attempt) -> None:
    config = course.config
    start = _SPREAD * number / max(config.idle, 1)
    await course.pause(start)
    await attempt(0.0)
    for pause in idle_pauses(number, config.seconds - start - 1.0, config.longest_pause, config.seed):
        await course.pause(pause)
        if course.over:
            return
        await attempt(pause)
