"""A contender in a process of its own, so that what a switch costs does not slow down the client that measures it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from bench.place import PORT
from bench.probe import Probe
from bench.rivals.contender import Contender

_Answer = TypeVar("_Answer")


@dataclass(frozen=True)
class WatchedSwitch:
    # Monotonic clock, which all processes share.
    when: float
    # Until the switching call returned.
    call_ms: float
    # Until the probe had the first answer of the new colour.
    first_new_ms: float
    # How long after the call's return the old colour still took requests; 0 is as it should be.
    stale_ms: float
    # The step that moves traffic.
    microseconds: float | None


class RemoteContender:
    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self._pool = pool

    def switch_to(self, colour: str) -> WatchedSwitch:
        return self._pool.submit(_switch_to, colour).result()

    def apply(self, method: Callable[..., _Answer], *arguments: object) -> _Answer:
        """A method of the contender's class."""
        return self._pool.submit(_apply, method, arguments).result()


@contextmanager
def running_remotely(contender: Contender, colour: str) -> Iterator[RemoteContender]:
    pool = ProcessPoolExecutor(1, multiprocessing.get_context("fork"), _take, (contender,))
    try:
        pool.submit(_start, colour).result()
        yield RemoteContender(pool)
    finally:
        pool.submit(_stop).result()
        pool.shutdown()


# In the process of the contender: itself, and who watches it.
_contender: Contender
_probe: Probe


def _take(contender: Contender) -> None:
    # Who switches gives way to the traffic, as module bluegreen_switch does.
    os.nice(10)
    global _contender, _probe
    # Ctrl-C reaches both processes; ours tells this one when to stop.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _contender, _probe = contender, Probe(PORT, str(contender.place.ca_file))


def _start(colour: str) -> None:
    _contender.start(colour)


def _stop() -> None:
    _contender.stop()


def _apply(method: Callable[..., _Answer], arguments: tuple[object, ...]) -> _Answer:
    return method(_contender, *arguments)


def _switch_to(colour: str) -> WatchedSwitch:
    _probe.connect()
    began = time.monotonic()
    watching = _probe.watch_for(colour)
    switched = _contender.switch_to(colour)
    watching.join()
    seen = _probe.sighting
    return WatchedSwitch(
        when=switched.when,
        call_ms=(switched.when - began) * 1e3,
        first_new_ms=(seen.first_new - began) * 1e3,
        stale_ms=max(0.0, seen.last_old - switched.when) * 1e3,
        microseconds=switched.microseconds,
    )
