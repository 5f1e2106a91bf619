from __future__ import annotations

import itertools
from typing import Any

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.traffic.weights import BUCKETS, EMPTY, Weights

ALL = [Weights(BUCKETS - green, green) for green in range(BUCKETS + 1)]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"blue": 80, "green": 20}, Weights(80, 20)),
        ({"blue": 100}, Weights(100, 0)),
        ({"green": "100", "blue": "0"}, Weights(0, 100)),
    ],
)
def test_weights_are_read(value: Any, expected: Weights) -> None:
    assert Weights.parse(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"blue": 50},
        {"blue": 60, "green": 60},
        {"blue": 101, "green": -1},
        {"blue": 99.5, "green": 0.5},
        {"blue": True, "green": 99},
        {"blue": "all", "green": 0},
        {"blue": "\u0665\u0660", "green": 50},
        {"blue": 100, "red": 0},
        {"blue": None, "green": 100},
        "blue",
        [50, 50],
        None,
    ],
)
def test_malformed_weights_are_refused_in_one_line(value: Any) -> None:
    with pytest.raises(Refusal, match=r"^malformed weights") as refusal:
        Weights.parse(value)
    assert "\n" not in str(refusal.value)


def test_an_unknown_colour_is_refused() -> None:
    with pytest.raises(Refusal, match=r"unknown colour 'red' - choose one of blue, green"):
        Weights.all_to("red")


def test_every_bucket_has_exactly_one_colour() -> None:
    for weights in ALL:
        assert sorted([*weights.buckets("blue"), *weights.buckets("green")]) == list(range(BUCKETS))
        assert (len(weights.buckets("blue")), len(weights.buckets("green"))) == (weights.blue, weights.green)
    assert [*EMPTY.buckets("blue"), *EMPTY.buckets("green")] == []


def test_buckets_only_move_towards_the_colour_that_grows() -> None:
    for less, more in itertools.pairwise(ALL):
        assert set(less.buckets("green")) < set(more.buckets("green"))
        assert set(more.buckets("blue")) < set(less.buckets("blue"))


@pytest.mark.parametrize(
    ("weights", "live", "idle"),
    [
        (EMPTY, [], "blue"),
        (Weights(100, 0), ["blue"], "green"),
        (Weights(0, 100), ["green"], "blue"),
        (Weights(99, 1), ["blue", "green"], ""),
    ],
)
def test_live_and_idle(weights: Weights, live: list[str], idle: str) -> None:
    assert (weights.live, weights.idle, weights.is_empty) == (live, idle, not live)


def test_only_a_colour_that_gets_more_is_gaining() -> None:
    assert Weights(50, 50).gaining(Weights(80, 20)) == ["green"]
    assert Weights(80, 20).gaining(EMPTY) == ["blue", "green"]
    assert EMPTY.gaining(Weights(80, 20)) == []
    assert Weights(80, 20).gaining(Weights(80, 20)) == []
