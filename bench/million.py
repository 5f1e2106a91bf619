"""A million keep-alive POSTs over TLS while traffic moves back and forth a hundred times, with a thousand idle customers."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import asdict
from typing import Any

from upstreams import Upstream, running

from ansible_collections.echobase.platform.plugins.module_utils.traffic.weights import Weights
from bench.latencies import Latencies
from bench.place import COLOUR_PORT, COLOURS, PORT, Place
from bench.remote_contender import RemoteContender, running_remotely
from bench.results import Result
from bench.rivals.contender import Switched
from bench.rivals.ours import Ours
from counting_client import ClientConfig, Committed, CountingClient, Report, Target, every

REQUESTS = 1_000_000
SWITCHES = 120
# The mixed profile: busy connections, idle ones, HTTP/2, WebSocket and event streams, slow uploads.
PROFILE: dict[str, Any] = {
    "busy": 128,
    "idle": 1000,
    "http2_connections": 2,
    "http2_streams": 4,
    "websockets": 50,
    "event_streams": 50,
    "uploads": 4,
}
LONGEST_PAUSE, UPLOAD_SECONDS = 70.0, 30.0
# Kinds of the counting client that are POSTs.
POSTS = ("busy", "idle", "http2", "upload")
LEAST_ROLLBACKS = 20
# What a release does, over and over: a candidate grows, gets all, and is taken back.
STEPS = [("canary", Weights(80, 20)), ("canary", Weights(50, 50)), ("promote", Weights(0, 100)), ("rollback", Weights(100, 0))]
_CALIBRATION_SECONDS = 8.0
# Long enough for every pause, short enough to end.
_SHORTEST_LEG, _LONGEST_LEG, _MOST_LEGS = 90.0, 420.0, 2


def run(place: Place) -> Result:
    reports: list[Report] = []
    kinds: Counter[str] = Counter()
    renames: list[float] = []
    colours = [Upstream(each, place.address(each), COLOUR_PORT, place.tls / each) for each in COLOURS]
    with ExitStack() as stack:
        upstreams = stack.enter_context(running(*colours))
        remote = stack.enter_context(running_remotely(Ours(place), "blue"))
        rate = _posts(CountingClient(_config(place, _CALIBRATION_SECONDS)).run()) / _CALIBRATION_SECONDS
        while (left := REQUESTS - sum(map(_posts, reports))) > 0 and len(reports) < _MOST_LEGS:
            seconds = min(max(left / rate * 1.1, _SHORTEST_LEG), _LONGEST_LEG)
            print(f"  · {left:,} POSTs to go, {seconds:.0f} s at {rate:,.0f}/s", flush=True)
            acts = [_act(remote, kind, weights, kinds, renames) for kind, weights in STEPS]
            report = CountingClient(_config(place, seconds), every(seconds / (SWITCHES + 1), acts, SWITCHES)).run()
            report.compare_with_upstreams(request_id for upstream in upstreams for request_id in upstream.seen())
            reports.append(report)
            rate = _posts(report) / seconds
            # The next leg begins as this one did.
            remote.apply(Ours.weigh, Weights(100, 0))
    return _result(reports, kinds, renames)


def _posts(report: Report) -> int:
    """Answered."""
    return sum(counts.answered for kind, counts in report.kinds.items() if kind in POSTS)


def _config(place: Place, seconds: float) -> ClientConfig:
    return ClientConfig(
        Target(f"https://localhost:{PORT}/api/orders", str(place.ca_file), ("127.0.0.1", PORT)),
        seconds=seconds,
        **PROFILE,
        longest_pause=LONGEST_PAUSE,
        upload_seconds=UPLOAD_SECONDS,
        weights={"blue": 100, "green": 0},
    )


def _act(remote: RemoteContender, kind: str, weights: Weights, kinds: Counter[str], renames: list[float]) -> Callable[[], Committed]:
    def act() -> Committed:
        switched: Switched = remote.apply(Ours.weigh, weights)
        kinds[kind] += 1
        renames.append(switched.microseconds or 0.0)
        return Committed(weights.as_dict(), switched.when)

    return act


def _result(reports: list[Report], kinds: Counter[str], renames: list[float]) -> Result:
    faults = _summed(report.faults for report in reports)
    posts = sum(map(_posts, reports))
    broken = [f"{name}: {count:,}" for name, count in faults.items() if count]
    broken += [f"only {kinds['rollback']} rollbacks"] if kinds["rollback"] < LEAST_ROLLBACKS else []
    below = [f"{posts:,} POSTs in the time there was, the aim is {REQUESTS:,}"] if posts < REQUESTS else []
    figures = {
        "posts": posts,
        "answered_by_kind": _summed({kind: counts.answered for kind, counts in report.kinds.items()} for report in reports),
        "answered_by_colour": _summed(report.by_colour for report in reports),
        "profile": PROFILE | {"longest_pause": LONGEST_PAUSE, "upload_seconds": UPLOAD_SECONDS},
        "sessions_opened": _summed({kind: sessions.opened for kind, sessions in report.sessions.items()} for report in reports),
        "events": sum(sessions.events for report in reports for sessions in report.sessions.values()),
        "faults": faults,
        "switches": sum(len(report.switches) for report in reports),
        "switches_by_kind": dict(kinds),
        "reopened": sum(report.reopened for report in reports),
        "pauses_survived": _summed(report.pauses for report in reports),
        "seconds_of_load": round(sum(report.seconds for report in reports)),
        "rename_us": {"median": statistics.median(renames), "slowest": max(renames)},
        "client_cpu_share": round(max(report.cpu_share for report in reports), 2),
        "quiet": asdict(Latencies.of([report.quiet for report in reports])),
        "around": asdict(Latencies.of([report.around_switches for report in reports])),
        "longest_gap_ms": round(max(report.longest_gap for report in reports) * 1e3, 1),
    }
    return Result("million", figures, broken, below)


def _summed(parts: Iterable[Mapping[Any, int]]) -> dict[Any, int]:
    total: dict[Any, int] = {}
    for part in parts:
        for name, count in part.items():
            total[name] = total.get(name, 0) + count
    return total
