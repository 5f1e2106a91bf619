from __future__ import annotations

import pytest

from counting_client.pauses import BUCKET, idle_pauses


@pytest.mark.parametrize(("seconds", "longest"), [(85.0, 70.0), (300.0, 70.0), (20.0, 70.0), (30.0, 12.0)])
def test_every_idle_time_that_fits_has_its_turn(seconds: float, longest: float) -> None:
    pauses = [pause for connection in range(150) for pause in idle_pauses(connection, seconds, longest, seed=1)]
    buckets = {int(pause // BUCKET) for pause in pauses}
    assert buckets == set(range(int(min(seconds, longest) // BUCKET)))
    assert max(pauses) <= longest
    assert min(pauses) >= 0.5


def test_the_pauses_of_a_connection_fit_into_the_run() -> None:
    assert all(sum(idle_pauses(connection, 85.0, 70.0, seed=1)) <= 85.0 for connection in range(500))


def test_the_same_seed_gives_the_same_pauses() -> None:
    assert idle_pauses(7, 85.0, 70.0, seed=1) == idle_pauses(7, 85.0, 70.0, seed=1)
    assert idle_pauses(7, 85.0, 70.0, seed=1) != idle_pauses(7, 85.0, 70.0, seed=2)


def test_there_is_none_in_a_run_that_is_too_short() -> None:
    assert idle_pauses(0, 3.0, 70.0, seed=1) == []
