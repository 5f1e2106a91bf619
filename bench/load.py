"""Load from wrk and h2load, and an upstream that costs nearly nothing, so that the proxy between them is what is measured."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from bench.container import Container, cpu_seconds
from bench.place import COLOUR_PORT, PORT, Place

# A client that has been here before: it sends its sticky cookie, as all but the first request of a client do.
CLIENT = "0123456789abcdef0123456789abcdef"
HTTP1, HTTP2 = "HTTP/1.1", "HTTP/2"
PROTOCOLS = (HTTP1, HTTP2)

_UPSTREAM = """
user nginx;
worker_processes 1;
pid /tmp/nginx.pid;
error_log /dev/stderr error;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    keepalive_timeout 120s;
    keepalive_requests 1000000000;
    keepalive_time 24h;
    ssl_certificate /tls/tls.crt;
    ssl_certificate_key /tls/tls.key;
    ssl_session_cache shared:tls:10m;
    server {{
        listen {address}:{port} ssl backlog=4096;
        default_type application/json;
        # As an application does that knows of colours.
        add_header X-Echobase-Colour {colour};
        location / {{ return 200 '{{"status":"ok","item":"a small answer of the application"}}'; }}
    }}
}}
"""

_ATTEMPTS = 3
# Seconds that a load generator gets beyond its time.
_GRACE = 15


@dataclass(frozen=True)
class Measurement:
    protocol: str
    requests: int
    seconds: float
    # No answer, or not a 2xx.
    failed: int
    p50_ms: float
    p99_ms: float
    # Of the proxy alone.
    cpu_seconds: float

    @property
    def rate(self) -> float:
        return self.requests / self.seconds

    @property
    def cpu_us(self) -> float:
        """The proxy's CPU time for a request."""
        return self.cpu_seconds / self.requests * 1e6

    @property
    def busy(self) -> float:
        """How much of one core the proxy used: near 1 it was the bottleneck."""
        return self.cpu_seconds / self.seconds


class Upstream:
    """Answers 200 from memory."""

    def __init__(self, place: Place, colour: str, cores: str) -> None:
        self._configuration = _UPSTREAM.format(colour=colour, address=place.address(colour), port=COLOUR_PORT)
        self._folder = place.new_folder(f"upstream-{colour}")
        reads = {self._folder: "/conf", place.tls / colour: "/tls"}
        command = ["nginx", "-e", "/dev/stderr", "-c", "/conf/nginx.conf", "-g", "daemon off;"]
        self.container = Container(f"upstream-{colour}", place.images["nginx"], command, reads, cores=cores)

    def __enter__(self) -> Upstream:
        (self._folder / "nginx.conf").write_text(self._configuration)
        self.container.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.container.stop()


class LoadGenerator:
    def __init__(self, place: Place, cores: str, connections: int = 64, streams: int = 4) -> None:
        self._cookie = f"Cookie: {place.facts['client_cookie']}={CLIENT}"
        self._connections = connections
        self._streams = streams
        self.container = Container("load", place.images["bench"], ["sleep", "infinity"], cores=cores)

    def __enter__(self) -> LoadGenerator:
        self.container.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.container.stop()

    def measure(self, protocol: str, seconds: int, proxies: list[str]) -> Measurement:
        """`proxies`: the containers whose CPU time is the price."""
        send = self._wrk if protocol == HTTP1 else self._h2load
        for attempt in range(_ATTEMPTS):
            before = sum(map(cpu_seconds, proxies))
            try:
                requests, lasted, failed, p50, p99 = send(seconds)
            except RuntimeError:
                # On an overloaded machine h2load waits for ever for connections that came too late.
                if attempt + 1 == _ATTEMPTS:
                    raise
                continue
            return Measurement(protocol, requests, lasted, failed, p50, p99, sum(map(cpu_seconds, proxies)) - before)
        raise AssertionError("unreachable")

    def send(self, protocol: str, requests: int) -> None:
        """Exactly so many, one after the other on one connection."""
        line = ["h2load", f"--requests={requests}", "--clients=1", "--max-concurrent-streams=1", f"--header={self._cookie}"]
        output = self.container.run(*line, *(["--h1"] if protocol == HTTP1 else []), _url())
        if f"{requests} 2xx" not in output:
            raise RuntimeError(f"not all of {requests} requests were answered well:\n{output}")

    def _wrk(self, seconds: int) -> tuple[int, float, int, float, float]:
        line = [*_ended_after(seconds), "wrk", "--threads=1", f"--connections={self._connections}", f"--duration={seconds}s", "--latency"]
        output = self.container.run(*line, f"--header={self._cookie}", "--script=/report.lua", _url())
        found = json.loads(output.strip().splitlines()[-1])
        return found["requests"], found["seconds"], found["failed"] + found["not_2xx"], found["p50_ms"], found["p99_ms"]

    def _h2load(self, seconds: int) -> tuple[int, float, int, float, float]:
        log = "/tmp/h2load.tsv"
        self.container.run("rm", "-f", log)
        line = [*_ended_after(seconds), "h2load", "--threads=1", f"--clients={self._connections // self._streams}"]
        line += [f"--max-concurrent-streams={self._streams}", f"--duration={seconds}", "--warm-up-time=0"]
        output = self.container.run(*line, f"--header={self._cookie}", f"--log-file={log}", _url())
        statuses = re.search(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", output)
        totals = re.search(r"requests: (\d+) total, .* (\d+) failed, (\d+) errored, (\d+) timeout", output)
        if statuses is None or totals is None or "Application protocol: h2" not in output:
            raise RuntimeError(f"h2load gave no result:\n{output}")
        good = int(statuses[1])
        bad = sum(int(count) for count in statuses.groups()[1:]) + int(totals[2])
        # Columns: start, status, microseconds.
        times = sorted(int(row.split("\t")[2]) for row in self.container.run("cat", log).splitlines())
        p50, p99 = (times[int(len(times) * share)] / 1e3 if times else 0.0 for share in (0.5, 0.99))
        return good, float(seconds), bad, p50, p99


def _ended_after(seconds: int) -> list[str]:
    return ["timeout", "--signal=KILL", str(seconds + _GRACE)]


def _url() -> str:
    return f"https://127.0.0.1:{PORT}/api/orders"
