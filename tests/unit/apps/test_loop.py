from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.waiting import eventually
from order_processor import heartbeat
from order_processor.loop import Loop
from orders.database import DatabaseAway


@pytest.fixture
def stop(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[threading.Event]:
    monkeypatch.setattr("order_processor.loop.beat", lambda name: heartbeat.beat(name, tmp_path))
    event = threading.Event()
    yield event
    event.set()


def run(work: Callable[[], int], stop: threading.Event) -> Loop:
    loop = Loop("relay", work, 0, stop)
    loop.start(on_crash=stop.set)
    assert stop.wait(30)
    loop.join(30)
    return loop


def test_an_outage_is_waited_out(stop: threading.Event, tmp_path: Path) -> None:
    answers: list[Exception | None] = [DatabaseAway("away"), DatabaseAway("away"), None]

    def work() -> int:
        answer = answers.pop(0)
        if answer:
            raise answer
        stop.set()
        return 1

    assert run(work, stop).crash is None
    assert answers == []
    assert (tmp_path / "relay").exists()


def test_a_bug_ends_the_process(stop: threading.Event) -> None:
    def work() -> int:
        raise KeyError("a bug")

    assert isinstance(run(work, stop).crash, KeyError)


def test_news_ends_a_long_rest(stop: threading.Event) -> None:
    looks: list[str] = []

    def work() -> int:
        looks.append("look")
        if len(looks) == 2:
            stop.set()
        return 0

    loop = Loop("relay", work, 0, stop, quiet_seconds=3600)
    loop.start(on_crash=stop.set)
    eventually(lambda: looks, "it looked")
    loop.news.set()
    loop.join(30)
    assert looks == ["look", "look"]
    assert loop.crash is None


def test_who_is_told_to_stop_does_not_rest(stop: threading.Event) -> None:
    looks: list[str] = []

    def work() -> int:
        looks.append("look")
        return 0

    loop = Loop("relay", work, 0, stop, quiet_seconds=3600)
    loop.start(on_crash=stop.set)
    eventually(lambda: looks, "it looked")
    stop.set()
    loop.join(30)
    assert looks == ["look"]


def test_silent_loops_are_named(tmp_path: Path) -> None:
    assert heartbeat.silent_loops(tmp_path) == list(heartbeat.LOOPS)
    for loop in heartbeat.LOOPS:
        heartbeat.beat(loop, tmp_path)
    assert heartbeat.silent_loops(tmp_path) == []
