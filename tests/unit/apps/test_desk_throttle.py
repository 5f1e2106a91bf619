from __future__ import annotations

import pytest

from operators_desk.throttle import Throttle, neighbourhood


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_free_failures_cost_nothing_then_each_one_doubles_the_wait(clock: Clock) -> None:
    throttle = Throttle(free=3, longest=60, clock=clock)
    waits = []
    for _ in range(9):
        assert throttle.take("eve") == 0
        wait = throttle.take("eve")
        waits.append(wait)
        clock.now += wait
    # With no wait to see, every second question was an attempt as well.
    assert waits == [0, 2, 4, 8, 16, 32, 60, 60, 60]


def test_waiting_less_than_told_does_not_help_and_makes_nothing_worse(clock: Clock) -> None:
    throttle = Throttle(free=1, longest=60, clock=clock)
    assert throttle.take("eve") == 0
    for _ in range(5):
        assert throttle.take("eve") == 2
    clock.now += 1.5
    assert throttle.take("eve") == 1
    clock.now += 0.5
    assert throttle.take("eve") == 0


def test_attempts_at_once_are_not_more_than_one_after_the_other(clock: Clock) -> None:
    """Room is taken before a password is looked at, or a hundred guesses could run before the first one counted."""
    throttle = Throttle(free=5, longest=60, clock=clock)
    assert sum(throttle.take("eve") == 0 for _ in range(100)) == 5


def test_everybody_is_counted_alone(clock: Clock) -> None:
    throttle = Throttle(free=1, longest=60, clock=clock)
    throttle.take("eve")
    assert throttle.take("eve") > 0
    assert throttle.take("anna") == 0


def test_what_is_given_back_does_not_count_but_earlier_guesses_do(clock: Clock) -> None:
    throttle = Throttle(free=3, longest=60, clock=clock)
    for _ in range(50):
        assert throttle.take("anna") == 0
        throttle.give_back("anna")
    for _ in range(2):
        throttle.take("eve")
    throttle.take("eve")
    throttle.give_back("eve")
    assert throttle.take("eve") == 0
    assert throttle.take("eve") > 0


def test_forgiven_and_forgotten(clock: Clock) -> None:
    throttle = Throttle(free=1, longest=60, clock=clock)
    throttle.take("anna")
    throttle.clear("anna")
    assert throttle.take("anna") == 0
    clock.now += 3600
    assert throttle.take("anna") == 0
    assert throttle.take("anna") == 2


def test_a_great_many_names_are_not_remembered_for_ever(clock: Clock) -> None:
    throttle = Throttle(free=1, longest=60, clock=clock)
    for number in range(30_000):
        throttle.take(f"eve{number}")
    assert throttle.take("eve29999") > 0
    assert throttle.take("eve0") == 0


@pytest.mark.parametrize(
    ("address", "counted_as"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::9", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("", ""),
        ("not an address", "not an address"),
    ],
)
def test_a_client_cannot_choose_itself_another_address(address: str, counted_as: str) -> None:
    assert neighbourhood(address) == counted_as
