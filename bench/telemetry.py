"""What telling about every request costs the gateway: one that tells everything beside one that tells nothing, on one database."""

from __future__ import annotations

import asyncio
import secrets
import ssl
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.container import cpu_seconds, pin
from bench.place import Place
from bench.results import Result
from harness.backend_fixtures import Backend, ColourUnderTest, docker, running_backend
from harness.otlp_sink import otlp_sink

# Short ones, and many: what others do on the machine changes from second to second.
ROUNDS = 12
SECONDS = 2.0
CLIENTS = 8
AIM = 0.9
GATEWAY_CORE = "0"
# What is told after the last request belongs to it.
_LAST_WORDS_SECONDS = 1.2
_TELLS, _SILENT = "blue", "green"
_EDGES_SPAN = "00000000000000e1"


@dataclass(frozen=True)
class Work:
    name: str
    # Whether the edge keeps the spans of the request.
    sampled: bool
    head: str
    body: str = ""

    def request(self, token: str) -> bytes:
        flags = "01" if self.sampled else "00"
        lines = [
            self.head,
            "Host: gateway",
            f"Authorization: Bearer {token}",
            f"Idempotency-Key: {secrets.token_hex(8)}",
            f"traceparent: 00-{secrets.token_hex(16)}-{_EDGES_SPAN}-{flags}",
            "Content-Type: application/json",
            f"Content-Length: {len(self.body)}",
        ]
        return "\r\n".join([*lines, "", self.body]).encode()


@dataclass(frozen=True)
class Slice:
    requests: int
    seconds: float
    processor_seconds: float


def run(_: Place) -> Result:
    with tempfile.TemporaryDirectory() as home, running_backend(Path(home)) as backend:
        backend.migrate("expand")
        gateway = docker("network", "inspect", "-f", "{{(index .IPAM.Config 0).Gateway}}", backend.network)
        with otlp_sink(gateway) as sink:
            colours = [_started(backend, _TELLS, OTEL_EXPORTER_OTLP_ENDPOINT=sink.url), _started(backend, _SILENT)]
            works = _compared(colours)
    below = [f"{one['name']}: {one['processor_ratio']:.2f}, the aim is {AIM}" for one in works if one["processor_ratio"] < AIM]
    settings = {"rounds": ROUNDS, "seconds": SECONDS, "clients": CLIENTS, "core": GATEWAY_CORE, "aim": AIM}
    return Result("telemetry", {"settings": settings, "works": works}, below_aim=below)


def _started(backend: Backend, name: str, **variables: str) -> ColourUnderTest:
    colour = backend.colour(name)
    delays = {"OTEL_BSP_SCHEDULE_DELAY": "1000", "OTEL_BLRP_SCHEDULE_DELAY": "1000", "OTEL_EXPORTER_OTLP_TIMEOUT": "2"}
    colour.start_gateway(**variables | delays)
    pin(colour.gateway.name, GATEWAY_CORE)
    return colour


def _compared(colours: Sequence[ColourUnderTest]) -> list[dict[str, Any]]:
    customer = colours[0].customer()
    read = f"GET /api/orders/{customer.order()} HTTP/1.1"
    order = ("POST /api/orders HTTP/1.1", '{"item":"tea","quantity":1}')
    works = [Work("an order", True, *order), Work("an order that is not sampled", False, *order), Work("a read", True, read)]
    return [_measured(work, colours, customer.token) for work in works]


def _measured(work: Work, colours: Sequence[ColourUnderTest], token: str) -> dict[str, Any]:
    slices: dict[str, list[Slice]] = {colour.name: [] for colour in colours}
    for number in range(ROUNDS):
        for colour in colours if number % 2 else reversed(colours):
            slices[colour.name].append(_slice(work, colour, token))
    figures = {name: _summed(some) for name, some in slices.items()}
    told, silent = figures[_TELLS], figures[_SILENT]
    ratios = [
        (there.processor_seconds / there.requests) / (here.processor_seconds / here.requests)
        for here, there in zip(slices[_TELLS], slices[_SILENT], strict=True)
    ]
    print(f"  · {work.name}: {told['microseconds']} µs with, {silent['microseconds']} without", flush=True)
    return {
        **{key: value for key, value in asdict(work).items() if key in ("name", "sampled")},
        "told": told,
        "silent": silent,
        "processor_ratio": round(statistics.median(ratios), 3),
        "rate_ratio": round(told["rate"] / silent["rate"], 3),
    }


def _summed(slices: Sequence[Slice]) -> dict[str, float]:
    requests = sum(one.requests for one in slices)
    return {
        "microseconds": round(sum(one.processor_seconds for one in slices) / requests * 1e6),
        "rate": round(requests / sum(one.seconds for one in slices)),
    }


def _slice(work: Work, colour: ColourUnderTest, token: str) -> Slice:
    before, began = cpu_seconds(colour.gateway.name), time.monotonic()
    requests = asyncio.run(_load(work, colour, token))
    seconds = time.monotonic() - began
    time.sleep(_LAST_WORDS_SECONDS)
    return Slice(requests, seconds, cpu_seconds(colour.gateway.name) - before)


async def _load(work: Work, colour: ColourUnderTest, token: str) -> int:
    trust, port = colour.backend.trust, colour.gateway.port(8443)
    end = time.monotonic() + SECONDS
    return sum(await asyncio.gather(*(_client(work, port, trust, token, end) for _ in range(CLIENTS))))


async def _client(work: Work, port: int, trust: ssl.SSLContext, token: str, end: float) -> int:
    reader, writer = await asyncio.open_connection("localhost", port, ssl=trust)
    requests = 0
    while time.monotonic() < end:
        writer.write(work.request(token))
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        await reader.readexactly(int(head.partition("content-length: ")[2].partition("\r\n")[0]))
        if head.split()[1] not in ("200", "202"):
            raise RuntimeError(f"{work.name}: {head}")
        requests += 1
    writer.close()
    return requests
