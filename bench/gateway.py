"""What a request costs the gateway and how long it takes, beside a bare endpoint of its framework on the same core."""

from __future__ import annotations

import json
import os
import secrets
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.container import Container, cpu_seconds, pin
from bench.load import HTTP1, Measurement
from bench.machine import CHECKOUT, load_of_others
from bench.place import Place
from bench.results import Result
from harness.backend_fixtures import Backend, running_backend
from harness.images_under_test import image_tag
from harness.waiting import eventually

# Short ones, and many: what others do on the machine changes from second to second.
ROUNDS = 8
SECONDS = 3
CONNECTIONS = 16
GATEWAY_CORE, OTHER_CORE = "0", "1"
_PORT = 8443
_GATEWAY, _BARE = "gateway", "bare"
_ORDER = '{"item":"tea","quantity":1}'

# wrk's own headers, and a key that no other request has.
_SCRIPT = """
dofile("/report.lua")
local sent = 0
function request()
  sent = sent + 1
  local headers = {["Content-Type"] = "application/json", ["Authorization"] = "Bearer %(token)s", ["Idempotency-Key"] = "%(run)s-" .. sent}
  return wrk.format("%(method)s", "%(path)s", headers, %(body)s)
end
"""


@dataclass(frozen=True)
class Work:
    name: str
    method: str
    path: str
    # The same without its work.
    bare: str = "/bare"

    def script(self, path: str, token: str) -> str:
        body = json.dumps(_ORDER) if self.method == "POST" else "nil"
        return _SCRIPT % {"token": token, "run": secrets.token_hex(6), "method": self.method, "path": path, "body": body}


class Load:
    def __init__(self, place: Place, network: str) -> None:
        self._folder = place.new_folder("gateway-load")
        self.container = Container(
            "load", place.images["bench"], ["sleep", "infinity"], {self._folder: "/scripts"}, cores=OTHER_CORE, network=network
        )

    def measure(self, server: str, script: str, seconds: int = SECONDS) -> Measurement:
        (self._folder / "work.lua").write_text(script)
        line = ["wrk", "--threads=1", f"--connections={CONNECTIONS}", f"--duration={seconds}s", "--latency", "--script=/scripts/work.lua"]
        before = cpu_seconds(server)
        output = self.container.run(*line, f"https://{server}:{_PORT}/")
        found = json.loads(output.strip().splitlines()[-1])
        failed = found["failed"] + found["not_2xx"]
        used = cpu_seconds(server) - before
        return Measurement(HTTP1, found["requests"], found["seconds"], failed, found["p50_ms"], found["p99_ms"], used)


def run(place: Place) -> Result:
    if len(os.sched_getaffinity(0)) < 2:
        raise RuntimeError("the gateway's benchmark needs two cores: one for the gateway, one for the load and the database")
    with tempfile.TemporaryDirectory() as home, running_backend(Path(home)) as backend:
        backend.migrate("expand")
        colour = backend.colour("blue")
        colour.start_emulator()
        colour.start_gateway()
        pin(colour.gateway.name, GATEWAY_CORE)
        for other in (backend.database.name, colour.emulator.name):
            pin(other, OTHER_CORE)
        bare = _bare(backend)
        load = Load(place, backend.network)
        try:
            bare.start()
            load.container.start()
            eventually(lambda: _answers(load, bare.full_name), "the bare endpoint answers")
            customer = colour.customer()
            order = customer.order()
            works = [
                Work("GET /health", "GET", "/health"),
                Work("GET an order", "GET", f"/api/orders/{order}"),
                Work("POST an order", "POST", "/api/orders"),
            ]
            servers = {_GATEWAY: colour.gateway.name, _BARE: bare.full_name}
            rows, failed = zip(*(_measured(work, load, servers, customer.token) for work in works), strict=True)
        finally:
            load.container.stop()
            bare.stop()
    settings = {
        "rounds": ROUNDS,
        "seconds": SECONDS,
        "connections": CONNECTIONS,
        "core": GATEWAY_CORE,
        "other_core": OTHER_CORE,
        "load_of_others": load_of_others(),
    }
    broken = [f"the gateway failed {count} requests: {row['name']}" for row, count in zip(rows, failed, strict=True) if count]
    return Result("gateway", {"settings": settings, "works": list(rows)}, broken)


def _bare(backend: Backend) -> Container:
    program, tls = CHECKOUT / "bench" / "bare_gateway.py", Path(backend.env.path("tls", "blue"))
    reads = {program: "/bare/bare_gateway.py", tls: "/run/tls"}
    command = ["python", "/bare/bare_gateway.py"]
    return Container("bare-gateway", image_tag("backend"), command, reads, cores=GATEWAY_CORE, network=backend.network)


def _answers(load: Load, server: str) -> bool:
    try:
        return load.measure(server, Work("", "GET", "/bare").script("/bare", ""), seconds=1).requests > 0
    except RuntimeError:
        return False


def _measured(work: Work, load: Load, servers: dict[str, str], token: str) -> tuple[dict[str, Any], int]:
    paths = {_GATEWAY: work.path, _BARE: work.bare}
    found: dict[str, list[Measurement]] = {kind: [] for kind in servers}
    for kind, server in servers.items():
        # Connections to the database are opened, caches are warm.
        load.measure(server, work.script(paths[kind], token), seconds=1)
    for number in range(ROUNDS):
        for kind in servers if number % 2 else reversed(servers):
            found[kind].append(load.measure(servers[kind], work.script(paths[kind], token)))
    ours, bare = found[_GATEWAY], found[_BARE]
    pairs = list(zip(ours, bare, strict=True))
    print(f"  · {work.name}: {_median(ours, 'cpu_us'):.0f} µs a request, bare {_median(bare, 'cpu_us'):.0f}", flush=True)
    row = {
        "name": work.name,
        **{kind: _summary(some) for kind, some in found.items()},
        # Medians of the pairs; more than 1: the bare endpoint is better.
        "per_core_ratio": round(statistics.median(one.cpu_us / other.cpu_us for one, other in pairs), 2),
        "p99_ratio": round(statistics.median(one.p99_ms / other.p99_ms for one, other in pairs), 2),
    }
    return row, sum(one.failed for one in ours)


def _summary(some: Sequence[Measurement]) -> dict[str, float]:
    return {
        "per_core": round(1e6 / _median(some, "cpu_us")),
        "rate": round(_median(some, "rate")),
        "p50_ms": round(_median(some, "p50_ms"), 2),
        "p99_ms": round(_median(some, "p99_ms"), 2),
    }


def _median(some: Sequence[Measurement], figure: str) -> float:
    return float(statistics.median(getattr(one, figure) for one in some))
