"""Side by side: what a switch costs with each way of switching, on the same colours, seen by the same counting client."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass

from upstreams import Upstream, running

from bench.latencies import Latencies
from bench.place import COLOUR_PORT, COLOURS, PORT, Place
from bench.remote_contender import RemoteContender, WatchedSwitch, running_remotely
from bench.results import Result
from bench.rivals.caddy import Caddy
from bench.rivals.contender import Contender
from bench.rivals.haproxy import HAProxy
from bench.rivals.ours import Ours
from bench.rivals.static_nginx import StaticNginx
from bench.rivals.stop_start import StopStart
from bench.rivals.traefik import Traefik
from counting_client import ClientConfig, Committed, CountingClient, Report, Target, every

CONTENDERS: list[type[Contender]] = [Ours, HAProxy, Traefik, Caddy, StaticNginx, StopStart]
ROUNDS = 5
SWITCHES = 20
SECONDS_BETWEEN = 0.5
# What is within this time of a switch is compared with what is not.
AROUND = 0.1
BUSY, IDLE = 64, 30
# Below what the two cores can do, so that a latency is the proxy's and not a queue's.
RATE = 600.0
OURS_P99_AIM = 1.5
OURS_SWITCH_AIM_US = 1000.0


@dataclass(frozen=True)
class Row:
    """One contender, all rounds together."""

    name: str
    way: str
    switches: int
    answered: int
    lost: int
    server_errors: int
    connect_failures: int
    wrong_colour: int
    failed_switches: int
    # Medians over all switches.
    call_ms: float
    first_new_ms: float
    stale_ms: float
    microseconds: float | None
    slowest_microseconds: float | None
    quiet: Latencies
    around: Latencies

    @property
    def not_served(self) -> int:
        return self.lost + self.server_errors + self.connect_failures


def run(place: Place) -> Result:
    reports: dict[str, list[Report]] = {}
    watched: dict[str, list[WatchedSwitch]] = {}
    for number in range(ROUNDS):
        # Every other round backwards: nobody is always the one after the most demanding.
        for kind in CONTENDERS if number % 2 == 0 else reversed(CONTENDERS):
            contender = kind(place)
            print(f"  · round {number + 1}/{ROUNDS}: {contender.name}", flush=True)
            report, switches = _measure(contender)
            reports.setdefault(kind.name, []).append(report)
            watched.setdefault(kind.name, []).extend(switches)
    rows = [_row(kind, reports[kind.name], watched[kind.name]) for kind in CONTENDERS]
    ours = rows[0]
    broken = [f"ours: {name} {count}" for name, count in _faults(reports[Ours.name]).items() if count]
    below = []
    ratio = ours.around.p99_ms / ours.quiet.p99_ms
    if ratio > OURS_P99_AIM:
        below.append(f"p99 around a switch is {ratio:.2f} x the quiet one, the aim is {OURS_P99_AIM}")
    if (ours.slowest_microseconds or 0) > OURS_SWITCH_AIM_US:
        below.append(f"the slowest rename took {ours.slowest_microseconds:.0f} us, the aim is {OURS_SWITCH_AIM_US:.0f}")
    settings = {"rounds": ROUNDS, "switches": SWITCHES, "seconds_between": SECONDS_BETWEEN, "around": AROUND}
    settings |= {"busy": BUSY, "idle": IDLE, "rate": RATE}
    return Result("switching", {"settings": settings, "rows": [asdict(row) for row in rows]}, broken, below)


def _measure(contender: Contender) -> tuple[Report, list[WatchedSwitch]]:
    place = contender.place
    switches: list[WatchedSwitch] = []
    with ExitStack() as stack:
        upstreams: tuple[Upstream, ...] = ()
        if not contender.brings_its_upstream:
            colours = [Upstream(each, place.address(each), COLOUR_PORT, place.tls / each) for each in COLOURS]
            upstreams = stack.enter_context(running(*colours))
        remote = stack.enter_context(running_remotely(contender, "blue"))
        config = ClientConfig(
            Target(f"https://localhost:{PORT}/api/orders", str(place.ca_file), ("127.0.0.1", PORT)),
            seconds=SECONDS_BETWEEN * (SWITCHES + 2),
            busy=BUSY,
            idle=IDLE,
            longest_pause=5.0,
            rate=RATE,
            weights={"blue": 100, "green": 0},
            around=AROUND,
        )
        acts = [_act(remote, "green", switches), _act(remote, "blue", switches)]
        report = CountingClient(config, every(SECONDS_BETWEEN, acts, SWITCHES)).run()
        if upstreams:
            report.compare_with_upstreams(request_id for upstream in upstreams for request_id in upstream.seen())
        return report, switches


def _act(remote: RemoteContender, colour: str, switches: list[WatchedSwitch]) -> Callable[[], Committed]:
    def act() -> Committed:
        switch = remote.switch_to(colour)
        switches.append(switch)
        return Committed({each: 100 if each == colour else 0 for each in COLOURS}, switch.when)

    return act


def _row(kind: type[Contender], reports: list[Report], switches: list[WatchedSwitch]) -> Row:
    steps = [switch.microseconds for switch in switches if switch.microseconds is not None]
    return Row(
        name=kind.name,
        way=kind.way,
        switches=sum(len(report.switches) for report in reports),
        answered=sum(report.answered for report in reports),
        lost=sum(report.lost for report in reports),
        server_errors=sum(report.server_errors for report in reports),
        connect_failures=sum(report.connect_failures for report in reports),
        wrong_colour=sum(report.wrong_colour for report in reports),
        failed_switches=sum(report.failed_switches for report in reports),
        call_ms=_median([switch.call_ms for switch in switches]),
        first_new_ms=_median([switch.first_new_ms for switch in switches]),
        stale_ms=_median([switch.stale_ms for switch in switches]),
        microseconds=_median(steps) if steps else None,
        slowest_microseconds=max(steps, default=None),
        quiet=Latencies.of([report.quiet for report in reports]),
        around=Latencies.of([report.around_switches for report in reports]),
    )


def _median(values: list[float]) -> float:
    return round(statistics.median(values), 3) if values else 0.0


def _faults(reports: list[Report]) -> dict[str, int]:
    return {name: sum(report.faults[name] for report in reports) for name in reports[0].faults}
