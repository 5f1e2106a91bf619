"""How much passes through: the edge beside a static nginx, HAProxy, Traefik and Caddy, each on one core of its own."""

from __future__ import annotations

import os
import statistics
from dataclasses import asdict, dataclass

from bench import instructions
from bench.load import PROTOCOLS, LoadGenerator, Measurement, Upstream
from bench.place import Place
from bench.results import Result
from bench.rivals.caddy import Caddy
from bench.rivals.contender import Contender, running
from bench.rivals.haproxy import HAProxy, LoggingHAProxy
from bench.rivals.ours import Ours
from bench.rivals.static_nginx import LoggingStaticNginx, StaticNginx
from bench.rivals.traefik import Traefik

CONTENDERS: list[type[Contender]] = [Ours, StaticNginx, LoggingStaticNginx, HAProxy, LoggingHAProxy, Traefik, Caddy]
ROUNDS = 5
SECONDS = 4
# The edge's rate divided by theirs, at least.
AIMS = {
    # With equal logs: what a log costs is paid by whoever wants one.
    ("HTTP/1.1", LoggingStaticNginx.name): 0.9,
    ("HTTP/2", LoggingStaticNginx.name): 0.9,
    ("HTTP/1.1", LoggingHAProxy.name): 1.0,
    ("HTTP/2", LoggingHAProxy.name): 1.0,
    ("HTTP/1.1", Traefik.name): 3.0,
    ("HTTP/2", Traefik.name): 3.0,
    ("HTTP/1.1", Caddy.name): 3.0,
    ("HTTP/2", Caddy.name): 3.0,
}


@dataclass(frozen=True)
class Row:
    name: str
    protocol: str
    # Medians over the rounds.
    rate: float
    p50_ms: float
    p99_ms: float
    cpu_us: float
    busy: float
    # The rates of the slowest and the fastest round.
    spread: tuple[float, float]
    # The edge beside this one, in the same round; median.
    ours_to_this: float
    ours_to_this_by_cpu: float


def run(place: Place) -> Result:
    cores = _cores()
    rounds: list[dict[tuple[str, str], Measurement]] = []
    with Upstream(place, "blue", cores[1]), LoadGenerator(place, cores[1]) as load:
        for number in range(ROUNDS):
            measured: dict[tuple[str, str], Measurement] = {}
            for kind in CONTENDERS if number % 2 == 0 else reversed(CONTENDERS):
                print(f"  · round {number + 1}/{ROUNDS}: {kind.name}", flush=True)
                contender = kind(place, cores[0])
                with running(contender, "blue"):
                    for protocol in PROTOCOLS:
                        # Connections to the upstream are opened, caches are warm.
                        load.measure(protocol, 1, contender.containers)
                        measured[kind.name, protocol] = load.measure(protocol, SECONDS, contender.containers)
            rounds.append(measured)
    rows = [_row(kind.name, protocol, rounds) for protocol in PROTOCOLS for kind in CONTENDERS]
    failed = sum(measured.failed for one in rounds for (name, _), measured in one.items() if name == Ours.name)
    broken = [f"the edge failed {failed} requests"] if failed else []
    below = [
        f"{row.protocol}: {row.ours_to_this:.2f} x {row.name}, the aim is {aim}"
        for row in rows
        if (aim := AIMS.get((row.protocol, row.name))) and row.ours_to_this < aim
    ]
    print("  · where the edge's time goes", flush=True)
    figures = {
        "settings": {"rounds": ROUNDS, "seconds": SECONDS, "proxy_core": cores[0], "other_core": cores[1]},
        "rows": [asdict(row) for row in rows],
        "instructions": instructions.measure(place),
    }
    return Result("throughput", figures, broken, below)


def _cores() -> tuple[str, str]:
    """One for the proxy, another for those around it."""
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < 2:
        raise RuntimeError("the throughput benchmark needs two cores: one for the proxy, one for the load")
    return str(usable[0]), str(usable[1])


def _row(name: str, protocol: str, rounds: list[dict[tuple[str, str], Measurement]]) -> Row:
    mine = [one[name, protocol] for one in rounds]
    ours = [one[Ours.name, protocol] for one in rounds]
    rates = [one.rate for one in mine]
    return Row(
        name,
        protocol,
        rate=statistics.median(rates),
        p50_ms=statistics.median(one.p50_ms for one in mine),
        p99_ms=statistics.median(one.p99_ms for one in mine),
        cpu_us=statistics.median(one.cpu_us for one in mine),
        busy=statistics.median(one.busy for one in mine),
        spread=(min(rates), max(rates)),
        ours_to_this=statistics.median(own.rate / other.rate for own, other in zip(ours, mine, strict=True)),
        ours_to_this_by_cpu=statistics.median(other.cpu_us / own.cpu_us for own, other in zip(ours, mine, strict=True)),
    )
