from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.database.clock import is_set_back, refuse_named_twice


def at(hour: int, minute: int = 0, day: int = 21) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


# At noon the clock jumps by a day, and soon back.
JUMPED = [at(10), at(12), at(12, 1, day=22), at(12, 3), at(13)]


def test_a_clock_that_goes_on_names_each_moment_once() -> None:
    steady = [at(10), at(11), at(11) - timedelta(seconds=1), at(12)]
    assert not is_set_back(steady)
    refuse_named_twice(at(11), steady)


@pytest.mark.parametrize("moment", [at(12, 2), at(13), at(12, day=22)])
def test_moments_that_came_twice_are_refused_with_those_that_did_not(moment: datetime) -> None:
    assert is_set_back(JUMPED)
    with pytest.raises(Refusal, match="from 2026-11-22 12:01:00 to 2026-11-21 12:03:00 or earlier") as refused:
        refuse_named_twice(moment, JUMPED)
    assert "a moment before 2026-11-21 12:00:00" in refused.value.remedy


@pytest.mark.parametrize("moment", [at(11, 59), at(12, 2, day=22)])
def test_the_others_are_as_good_as_ever(moment: datetime) -> None:
    refuse_named_twice(moment, JUMPED)
