"""The rule about a clock that was set back stands twice, in the collection and in the image of MariaDB: both give the same answers."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.database.clock import CLOCK_TOLERANCE as TOLERANCE_OF_COLLECTION
from ansible_collections.echobase.platform.plugins.module_utils.database.clock import refuse_named_twice
from ansible_collections.echobase.platform.plugins.module_utils.engines.mariadb.repository import microseconds
from backups.clock_steps import CLOCK_TOLERANCE, ClockSteps
from backups.restoring import Until
from backups.server import Sample
from backups.trouble import Trouble

BEGIN = datetime(2026, 11, 21, 12, tzinfo=UTC)
# So near to each other that some steps are within what a clock may step by.
SECONDS = 12


def at(seconds: float) -> datetime:
    return BEGIN + timedelta(seconds=seconds)


def refused_by_collection(moment: datetime, times: Sequence[datetime]) -> bool:
    try:
        refuse_named_twice(moment, times)
    except Refusal:
        return True
    return False


def refused_by_image(moment: datetime, times: Sequence[datetime]) -> bool:
    steps = ClockSteps()
    for time in times:
        steps.learn(microseconds(time))
    return steps.came_twice(microseconds(moment))


def test_both_refuse_the_same_moments() -> None:
    chance = random.Random(107)
    refused = 0
    for _ in range(400):
        times = [at(chance.randrange(SECONDS)) for _ in range(chance.randrange(8))]
        for half_seconds in range(-2, 2 * SECONDS + 2):
            moment = at(half_seconds / 2)
            by_collection = refused_by_collection(moment, times)
            assert refused_by_image(moment, times) == by_collection, (times, moment)
            refused += by_collection
    # Both kinds of cases came up, and often.
    assert 2000 < refused < 8000


def test_a_clock_may_step_by_as_much_in_both() -> None:
    assert timedelta(microseconds=CLOCK_TOLERANCE) == TOLERANCE_OF_COLLECTION


@pytest.mark.parametrize(("moment", "is_refused"), [(at(-60), False), (at(30), True), (at(600), True), (at(3700), False)])
def test_a_restore_looks_at_all_that_was_sampled(moment: datetime, is_refused: bool) -> None:
    """The clock goes ten minutes ahead and comes back; what was before it and what comes after it are as good as ever."""
    until = Until(0, None, microseconds(moment))
    until.learn([Sample(microseconds(at(0)), 1), Sample(microseconds(at(620)), 2)])
    back = [Sample(microseconds(at(20)), 3), Sample(microseconds(at(4000)), 4)]
    if is_refused:
        with pytest.raises(Trouble, match="the server's clock was set back after that moment"):
            until.learn(back)
    else:
        until.learn(back)
