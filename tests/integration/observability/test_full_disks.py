"""The disks of what watches are full, all of them: nobody who tells waits, it is told of, and with room again all goes on."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from harness import otlp
from harness.observability_under_test import SERVICE, ObservabilityUnderTest
from harness.parts_of_what_watches import becomes_well, disks_of_their_own, parts, waiting_for
from harness.small_disk import SmallDisk
from harness.teller import longest_gap, teller
from harness.waiting import eventually

pytestmark = pytest.mark.long

# More than its queue on disk, whatever is in there already, would have room for.
FLOOD = 40


def told_of(watched: ObservabilityUnderTest) -> set[str]:
    return {alert["labels"]["alertname"] for alert in watched.ask("alertmanager", "/api/v2/alerts").json()}


def test_full_disks_are_told_of_and_got_over_once_there_is_room(watched: ObservabilityUnderTest, tmp_path: Path) -> None:
    store = watched.log_store.service
    with disks_of_their_own(watched, tmp_path, ("collector", "prometheus", "jaeger", store)) as disks, teller(watched) as told:
        becomes_well(watched)
        began = datetime.now(UTC)
        fill(disks["jaeger"], disks[store])
        meanwhile = otlp.new_trace_id()
        wanted = {"DiskFull", "LogStoreReadOnly"}
        eventually(lambda: wanted <= told_of(watched), lambda: f"{wanted} are told; told are {told_of(watched)}", 240, interval=1)
        fill(disks["prometheus"])
        assert watched.send("traces", otlp.spans(SERVICE, meanwhile)).is_success
        assert watched.send("logs", otlp.log(SERVICE, "sent to full disks", {}, meanwhile)).is_success
        assert watched.send("metrics", otlp.counter(SERVICE, "tests.full", {(): 7})).is_success
        for kind in ("traces", "logs", "metrics"):
            eventually(lambda kind=kind: waiting_for(watched, kind) > 0, f"{kind} wait on the collector's disk", 60)  # type: ignore[misc]
        fill(disks["collector"])
        refused = 0
        for _ in range(FLOOD):
            refused += not watched.send("logs", otlp.log(SERVICE, "x" * 16_000, {})).is_success
        assert told.told["slowest"] < 0.5
        assert told.stop() < 3
        found = {part.name: part.health for part in parts(watched)}
        print("all full:", refused, "of", FLOOD, "refused; restarts", {name: one.restarts for name, one in found.items() if one.restarts})
        assert not any(one.out_of_memory for one in found.values())
        for disk in disks.values():
            disk.make_room()
        room_at = time.monotonic()
        becomes_well(watched, 240)
        print(f"well {time.monotonic() - room_at:.0f} s after there was room; gap {longest_gap(told.sent(), began):.1f} s")
        eventually(lambda: watched.trace(meanwhile), "the trace that was sent meanwhile", 60)
        eventually(lambda: watched.logs({"trace_id": meanwhile}), "the line that was sent meanwhile", 60)
        eventually(lambda: watched.series("last_over_time(tests_full_total[10m])"), "the number that was sent meanwhile", 60)
        every = set(range(1, told.ticks + 1))
        eventually(lambda: every <= told.printed(), lambda: f"missing: {sorted(every - told.printed())[:20]}", 120, interval=1)


def fill(*disks: SmallDisk) -> None:
    for disk in disks:
        disk.fill()
