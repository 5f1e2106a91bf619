from __future__ import annotations

from api_gateway.rate_limit import RateLimit


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_up_to_the_limit_then_evenly() -> None:
    clock = Clock()
    limit = RateLimit(6, clock)
    assert [limit.take("a") for _ in range(7)] == [0, 0, 0, 0, 0, 0, 10]
    clock.now += 9
    assert limit.take("a") == 1
    clock.now += 1
    assert limit.take("a") == 0


def test_being_refused_costs_nothing() -> None:
    clock = Clock()
    limit = RateLimit(1, clock)
    limit.take("a")
    for _ in range(100):
        assert limit.take("a") == 60
    clock.now += 60
    assert limit.take("a") == 0


def test_clients_do_not_share() -> None:
    limit = RateLimit(1, Clock())
    assert [limit.take(client) for client in ("a", "b", "a")] == [0, 0, 60]


def test_what_is_given_back_does_not_count() -> None:
    limit = RateLimit(1, Clock())
    for _ in range(10):
        assert limit.take("a") == 0
        limit.give_back("a")


def test_nothing_is_saved_up_beyond_the_limit() -> None:
    clock = Clock()
    limit = RateLimit(2, clock)
    limit.take("a")
    limit.give_back("a")
    limit.give_back("a")
    clock.now += 3600
    assert [limit.take("a") for _ in range(3)] == [0, 0, 30]


def test_zero_switches_it_off() -> None:
    limit = RateLimit(0, Clock())
    assert {limit.take("a") for _ in range(1000)} == {0}


def test_memory_is_bounded() -> None:
    limit = RateLimit(1, Clock())
    for number in range(30_000):
        limit.take(str(number))
    assert len(limit._buckets) == 20_000
