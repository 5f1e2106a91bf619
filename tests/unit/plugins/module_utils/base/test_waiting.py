from __future__ import annotations

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.base.waiting import looks, wait_until


class FakeClock:
    def __init__(self) -> None:
        self.now = 1000.0
        self.naps: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float, /) -> None:
        self.naps.append(seconds)
        self.now += seconds


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def test_what_is_so_already_is_not_waited_for(clock: FakeClock) -> None:
    assert wait_until(lambda: True, 30, clock=clock)
    assert clock.naps == []


def test_a_condition_that_comes_true_ends_the_waiting(clock: FakeClock) -> None:
    assert wait_until(lambda: clock.now >= 1001, 30, interval=0.5, clock=clock)
    assert clock.naps == [0.5, 0.5]


def test_waiting_in_vain_ends_in_time_with_a_last_look(clock: FakeClock) -> None:
    looked_at: list[float] = []

    def never() -> bool:
        looked_at.append(clock.now)
        return False

    assert not wait_until(never, 1, interval=0.4, clock=clock)
    assert looked_at == [1000, 1000.4, 1000.8, 1001]


def test_no_patience_still_means_one_look(clock: FakeClock) -> None:
    assert wait_until(lambda: True, 0, clock=clock)
    assert list(looks(0, clock=clock)) == [0]
    assert clock.naps == []


def test_each_look_knows_the_seconds_that_are_left(clock: FakeClock) -> None:
    assert list(looks(1, interval=0.25, clock=clock)) == [1, 0.75, 0.5, 0.25, 0]


def test_a_slow_look_does_not_prolong_the_waiting(clock: FakeClock) -> None:
    def slow() -> bool:
        clock.now += 5
        return False

    assert not wait_until(slow, 3, clock=clock)
    assert clock.naps == []


def test_the_machines_own_clock_is_the_default() -> None:
    assert not wait_until(lambda: False, 0.01, interval=0.001)
