"""Parts of what watches, and all of it, are killed or unreachable: nobody who tells waits, and afterwards all goes on.

`docs/operate/observability.md` has the table that these tests stand behind.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from harness import otlp
from harness.backend_fixtures import Container
from harness.observability_under_test import SERVICE, ObservabilityUnderTest, docker
from harness.parts_of_what_watches import Part, becomes_well, parts
from harness.teller import Teller, longest_gap, teller
from harness.waiting import eventually

pytestmark = pytest.mark.long

# What telling may keep a request, at most: the machine is busy as well.
NOT_KEPT_SECONDS = 0.5
LONGEST_STOP_SECONDS = 3.0
# So long after an outage senders and queues may still wait before they try again.
PAUSE_SECONDS = 35.0
# `ECHOBASE_TEST_OUTAGE_SECONDS=600` plays the whole of it.
OUTAGE_SECONDS = float(os.environ.get("ECHOBASE_TEST_OUTAGE_SECONDS", "60"))
# What the programs of an environment print in ten minutes, at ten lines a second.
TOLD_IN_TEN_MINUTES = 6000
# The log store keeps five seconds in memory, and the container-reader what it read in its last look, five seconds' lines as well:
# a part that is killed takes them along. Two kills one after the other may take as much twice, and the machine is busy.
KILLED_WITH_THEM_SECONDS = 40.0


def await_telling(told: Teller) -> None:
    eventually(lambda: len(told.sent()) > 10 and len(told.printed()) > 10, "what it tells and what it prints arrive", 90, interval=0.5)


def assert_nobody_waited(told: Teller) -> None:
    assert told.told["slowest"] < NOT_KEPT_SECONDS
    assert told.stop() < LONGEST_STOP_SECONDS


def assert_no_printed_line_is_missing(told: Teller) -> None:
    wanted = set(range(1, told.ticks + 1))
    eventually(lambda: wanted <= told.printed(), lambda: f"missing: {sorted(wanted - told.printed())[:20]}", 120, interval=1)


@contextmanager
def paused(container: str) -> Iterator[None]:
    docker("pause", container)
    try:
        yield
    finally:
        docker("unpause", container)


def kill_and_await(part: Part) -> None:
    before = part.health.restarts
    Container(part.name).kill()
    eventually(lambda: part.health.process and part.health.restarts > before, f"{part.name} is back", 90)


def test_each_part_and_all_at_once_come_back_by_themselves(watched: ObservabilityUnderTest) -> None:
    with teller(watched) as told:
        await_telling(told)
        began = datetime.now(UTC)
        for part in parts(watched):
            kill_and_await(part)
        becomes_well(watched)
        before = otlp.new_trace_id()
        assert watched.send("traces", otlp.spans(SERVICE, before)).is_success
        # It is decided upon after five seconds, and in memory alone until then.
        eventually(lambda: watched.trace(before), "it is recorded", 20)
        killed_at = time.monotonic()
        for process in [part.health.process for part in parts(watched)]:
            os.kill(process, signal.SIGKILL)
        becomes_well(watched)
        outage = time.monotonic() - killed_at
        eventually(lambda: watched.trace(before), "what was recorded is still there", 20)
        last = told.ticks
        eventually(lambda: last in told.printed(), "what was printed until now arrives", 60, interval=1)
        gap = longest_gap(told.sent(), began)
        lost = last - len(told.printed() & set(range(1, last + 1)))
        print(f"all killed: well after {outage:.1f} s; longest gap in what was sent {gap:.1f} s; {lost} of {last} printed lines lost")
        assert gap < outage + PAUSE_SECONDS
        assert lost < KILLED_WITH_THEM_SECONDS * 10
        assert not any(part.health.out_of_memory for part in parts(watched))
        assert_nobody_waited(told)


def test_a_collector_that_is_unreachable_for_long(watched: ObservabilityUnderTest) -> None:
    """Its kernel takes connections, and then nobody says anything: worse than a refusal. What is told fills queues as ten minutes would."""
    with teller(watched, ticks_per_second=max(10.0, TOLD_IN_TEN_MINUTES / OUTAGE_SECONDS)) as told:
        await_telling(told)
        began = datetime.now(UTC)
        with paused(watched.container("collector")):
            time.sleep(OUTAGE_SECONDS)
        becomes_well(watched)
        assert_no_printed_line_is_missing(told)
        sent, ticks = told.sent(), told.ticks
        gap = longest_gap(sent, began)
        memory = Part(told.container.name).peak_bytes >> 20
        print(
            f"away for {OUTAGE_SECONDS:.0f} s: gap in what was sent {gap:.1f} s, {ticks - len(sent)} of {ticks} lost; sender {memory} MiB"
        )
        assert gap < OUTAGE_SECONDS + PAUSE_SECONDS
        with paused(watched.container("collector")):
            assert_nobody_waited(told)
