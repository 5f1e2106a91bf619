"""A candidate that fails: what its clients see of that, what it is charged with, and what the second try costs."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Any

from upstreams import Upstream
from upstreams import running as running_upstreams

from ansible_collections.echobase.platform.plugins.module_utils.traffic.weights import Weights
from bench.container import docker
from bench.place import COLOUR_PORT, PORT, Place
from bench.results import Result
from bench.rivals.contender import running
from bench.rivals.ours import Ours
from counting_client import ClientConfig, CountingClient, Report, Target

FAILS, WEIGHT = 0.3, 20
# One failure in three is a silence: after this time the edge asks the stable colour.
CANDIDATE_TIMEOUT = 2
SECONDS, SECONDS_WITHOUT_KEY = 30.0, 8.0
BUSY, RATE = 128, 1500.0
_WAYS = {"500": "status 500", "502": "reset", "504": "silence"}


@dataclass(frozen=True)
class Failure:
    """One way to fail, as the edge's access log has it."""

    way: str
    count: int
    # From the client's request to the stable colour's answer, beside a request that the stable colour had from the start.
    p50_ms: float
    added_p50_ms: float
    added_p99_ms: float


def run(place: Place) -> Result:
    with ExitStack() as stack:
        stable = Upstream("blue", place.address("blue"), COLOUR_PORT, place.tls / "blue")
        candidate = Upstream("green", place.address("green"), COLOUR_PORT, place.tls / "green", fail=FAILS)
        upstreams = stack.enter_context(running_upstreams(stable, candidate))
        edge = Ours(place, edge_candidate_timeout=CANDIDATE_TIMEOUT)
        for log in edge.edge.home.glob("edge-log/access.log*"):
            # Of an earlier benchmark.
            log.unlink()
        stack.enter_context(running(edge, "blue"))
        edge.weigh(Weights(100 - WEIGHT, WEIGHT))
        keyed = CountingClient(_config(place, SECONDS, keyed=True)).run()
        keyed.compare_with_upstreams(request_id for upstream in upstreams for request_id in upstream.seen())
        failed = candidate.failed()
        lines = _logged(edge, keyed.sent)
        unkeyed = CountingClient(_config(place, SECONDS_WITHOUT_KEY, keyed=False)).run()
        failed_unkeyed = candidate.failed()["attempts"] - failed["attempts"]
    return _result(keyed, lines, failed, unkeyed, failed_unkeyed)


def _config(place: Place, seconds: float, keyed: bool) -> ClientConfig:
    # Without a cookie each request is a new client, so the weight is met by requests.
    target = Target(f"https://localhost:{PORT}/api/orders", str(place.ca_file), ("127.0.0.1", PORT))
    return ClientConfig(target, seconds=seconds, busy=BUSY, rate=RATE, keyed=keyed, weights={"blue": 100 - WEIGHT, "green": WEIGHT})


def _logged(edge: Ours, requests: int, patience: float = 20.0) -> list[dict[str, Any]]:
    """The edge's own account of the client's requests, once it is complete."""
    # Makes nginx write what it keeps back.
    docker("kill", "--signal", "USR1", edge.place.edge_container)
    end = time.monotonic() + patience
    while True:
        lines = [line for line in edge.edge.access_log() if line["path"] == "/api/orders"]
        if len(lines) >= requests or time.monotonic() > end:
            return lines
        time.sleep(0.2)


def _result(keyed: Report, lines: list[dict[str, Any]], failed: dict[str, Any], unkeyed: Report, failed_unkeyed: int) -> Result:
    charged = [line for line in lines if line["replayed_from"] == "green"]
    candidates = len(charged) + sum(1 for line in lines if line["colour"] == "green")
    untouched = [float(line["seconds"]) for line in lines if line["colour"] == "blue" and not line["replayed_from"]]
    broken = [f"clients with a key: {name} {count}" for name, count in keyed.faults.items() if count]
    if len(lines) != keyed.sent:
        broken.append(f"the edge logged {len(lines)} of {keyed.sent} requests")
    if len(charged) != failed["attempts"]:
        broken.append(f"the edge charged the candidate with {len(charged)} failures, it made {failed['attempts']}")
    if not failed["attempts"] or not unkeyed.not_served:
        broken.append("the candidate did not fail at all: nothing was proved")
    figures = {
        "settings": {"fails": FAILS, "weight": WEIGHT, "timeout": CANDIDATE_TIMEOUT, "busy": BUSY, "rate": RATE},
        "keyed": {
            "sent": keyed.sent,
            "answered": keyed.answered,
            "faults": keyed.faults,
            "candidate_asked": candidates,
            "candidate_share": candidates / max(len(lines), 1),
            "candidate_failed": failed["attempts"],
            "candidate_failed_by_way": failed["by_way"],
            "charged": len(charged),
            "p50_ms": round(keyed.p50 * 1e3, 3),
        },
        "failures": [asdict(one) for one in _failures(charged, untouched)],
        "unkeyed": {"sent": unkeyed.sent, "candidate_failed": failed_unkeyed, "not_served": unkeyed.not_served},
    }
    return Result("canary", figures, broken)


def _failures(charged: list[dict[str, Any]], untouched: list[float]) -> Iterable[Failure]:
    usual = statistics.median(untouched) if untouched else 0.0
    for status, way in _WAYS.items():
        took = sorted(float(line["seconds"]) for line in charged if str(line["upstream_status"]).startswith(status))
        if took:
            p50, p99 = (took[int(len(took) * share)] for share in (0.5, 0.99))
            yield Failure(way, len(took), *(round(value * 1e3, 1) for value in (p50, p50 - usual, p99 - usual)))
