"""The disks of what watches are full, all of them: nobody who tells waits, it is told of, and with room again all goes on."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from harness import otlp
from harness.observability_under_test import SERVICE, ObservabilityUnderTest
from harness.parts_of_what_watches import becomes_well, collector_metric, disks_of_their_own, parts, waiting_for
from harness.teller import longest_gap, teller
from harness.waiting import eventually

pytestmark = pytest.mark.long

FLOOD = 40
# Less than the ten megabytes of which VictoriaLogs makes no use.
NEARLY = 8 << 20
# Of ten a second: so many lines after it was printed, one is on the collector's disk. The container-reader looks every five seconds.
HANDED_ON = 120


def told_of(watched: ObservabilityUnderTest) -> set[str]:
    return {alert["labels"]["alertname"] for alert in watched.ask("alertmanager", "/api/v2/alerts").json()}


def test_full_disks_are_told_of_and_got_over_once_there_is_room(watched: ObservabilityUnderTest) -> None:
    store = watched.log_store.service
    with disks_of_their_own(watched, ("collector", "prometheus", "jaeger", store)) as disks, teller(watched) as told:
        becomes_well(watched)
        began = datetime.now(UTC)
        # A disk fills bit by bit, and the log store leaves off before the end.
        disks[store].fill(NEARLY)
        disks["jaeger"].fill()
        meanwhile = otlp.new_trace_id()
        wanted = {"DiskFull", "LogStoreReadOnly"}
        eventually(lambda: wanted <= told_of(watched), lambda: f"{wanted} are told; told are {told_of(watched)}", 240, interval=1)
        disks[store].fill()
        disks["prometheus"].fill()
        kept = told.ticks
        assert watched.send("traces", otlp.spans(SERVICE, meanwhile)).is_success
        assert watched.send("logs", otlp.log(SERVICE, "sent to full disks", {}, meanwhile)).is_success
        assert watched.send("metrics", otlp.counter(SERVICE, "tests.full", {(): 7})).is_success
        for kind in ("traces", "logs", "metrics"):
            eventually(lambda kind=kind: waiting_for(watched, kind) > 0, f"{kind} wait on the collector's disk", 60)  # type: ignore[misc]
        eventually(lambda: told.ticks > kept + HANDED_ON, "what was printed until then is handed on", 60)
        # Now nothing more can wait, so what comes may be lost. Whoever sends is answered all the same.
        disks["collector"].fill()
        refused = sum(not watched.send("logs", otlp.log(SERVICE, "x" * 16_000, {})).is_success for _ in range(FLOOD))
        assert told.told["slowest"] < 0.5
        assert told.stop() < 3
        lost = collector_metric(watched, "otelcol_exporter_enqueue_failed_log_records_total")
        found = {part.name: part.health for part in parts(watched)}
        print(f"all full: {refused} of {FLOOD} refused, {lost:.0f} lines lost;", {name: one.restarts for name, one in found.items()})
        assert not any(one.out_of_memory for one in found.values())
        for disk in disks.values():
            disk.make_room()
        room_at = time.monotonic()
        becomes_well(watched, 240)
        print(f"well {time.monotonic() - room_at:.0f} s after there was room; gap {longest_gap(told.sent(), began):.1f} s")
        eventually(lambda: watched.trace(meanwhile), "the trace that was sent meanwhile", 60)
        eventually(lambda: watched.logs({"trace_id": meanwhile}), "the line that was sent meanwhile", 60)
        eventually(lambda: watched.series("last_over_time(tests_full_total[10m])"), "the number that was sent meanwhile", 60)
        known = set(range(1, kept + 1))
        eventually(lambda: known <= told.printed(), lambda: f"missing: {sorted(known - told.printed())[:20]}", 120, interval=1)
        print(f"{told.ticks - len(told.printed())} of the {told.ticks - kept} lines lost that were printed later")
