"""Where the edge's time goes: its instructions for a request, with one feature taken out of its configuration at a time.

Instructions are counted, not timed: on a small machine most features cost less than what two timings of the same thing differ by.
The kernel's part, such as the two look-ups' system calls, is not in the count.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any

from bench.container import Container, docker
from bench.load import HTTP1, PROTOCOLS, LoadGenerator, Upstream
from bench.place import PORT, Place
from bench.rivals.contender import await_listening, running
from bench.rivals.ours import Ours
from bench.rivals.static_nginx import StaticNginx

# The difference of these two is free of start, handshake and end. To read a shorter configuration takes fewer instructions, too.
_FEW, _MANY = 300, 1300
_VALGRIND = "valgrind --tool=callgrind --callgrind-out-file=/dev/null"
_START = f"ln -sfn /routes /tmp/table; exec {_VALGRIND} nginx -e /dev/stderr -c /edge/nginx.conf -g 'daemon off; master_process off;'"


@dataclass(frozen=True)
class Feature:
    """Something in the configuration, and how to take it out."""

    name: str
    pattern: str
    replacement: str = ""

    def without(self, configuration: str) -> str:
        rest = re.sub(self.pattern, self.replacement, configuration, flags=re.MULTILINE | re.DOTALL)
        if rest == configuration:
            raise RuntimeError(f"no “{self.name}” in the edge's configuration: its pattern in bench/instructions.py is out of date")
        return rest


def _constant(variable: str, value: str) -> tuple[str, str]:
    """A map, and one in its place that looks at nothing."""
    return rf'^    map \S[^\n]* \${variable} \{{.*?\n    \}}', f'    map "" ${variable} {{ default {value}; }}'  # fmt: skip


FEATURES = [
    Feature("access log", r"access_log /\S+ (?:access|usual) [^;]*;", "access_log off;"),
    Feature("routing table: the two look-ups", r"if \(-f [^)]*/(?:blue|green)/\$bucket\) \{ set \$colour \w+; \}", "set $colour blue;"),
    Feature("sticky client: bucket by split_clients", r"split_clients \S+ \$bucket \{.*?\n    \}", 'map "" $bucket { default 0; }'),
    Feature("sticky client: its cookie", *_constant("is_known_client", "1")),
    Feature("sticky client: Set-Cookie for new ones", r"^\s*add_header Set-Cookie \$client_set_cookie[^;]*;"),
    Feature("trace id in the answer", r"add_header (?:X-Request-Id|Trace-Id) [^;]*;"),
    Feature("trace id made, told and logged", r"\$request_id", "none"),
    Feature("trace context for the colours", r"^ *proxy_set_header (?:Traceparent|Tracestate|Baggage) [^;]*;"),
    Feature("headers that describe the client", r"^ *proxy_set_header (X-Forwarded-\w+|X-Real-IP|X-Request-Id) [^;]*;"),
    Feature("headers that clients may not set", r"^ *proxy_set_header (X-Echobase-\w+|Forwarded) [^;]*;"),
    Feature("operators' session kept from colours", r"^ *proxy_set_header (Cookie|Authorization) [^;]*;"),
    Feature("WebSocket and event streams told apart", r"if \(\$(?:http_upgrade|wants_events)\) \{ return \d+; \}"),
    Feature("host checked", r"if \(\$asked_host = \"\"\) \{ return 400; \}|^ *proxy_set_header Host [^;]*;"),
    Feature("compression", r"^    (gzip|brotli) on;", r"    \1 off;"),
    Feature("limit of connections", r"^ *limit_conn clients [^;]*;"),
]  # fmt: skip


@dataclass(frozen=True)
class Counts:
    protocol: str
    ours: int
    static: int


def measure(place: Place) -> dict[str, Any]:
    # Lays the files of a running edge.
    ours = Ours(place)
    with running(ours, "blue"):
        whole = (ours.edge.home / "edge" / "nginx.conf").read_text()
    static = StaticNginx(place).configuration("blue")
    with Upstream(place, "blue", cores="") as _, LoadGenerator(place, cores="") as load:

        def count(configuration: str, protocol: str, requests: int) -> int:
            return _instructions(ours, load, configuration, protocol, requests)

        def per_request(configuration: str, protocol: str) -> int:
            return round((count(configuration, protocol, _MANY) - count(configuration, protocol, _FEW)) / (_MANY - _FEW))

        totals = [Counts(protocol, per_request(whole, protocol), per_request(static, protocol)) for protocol in PROTOCOLS]
        everything = per_request(whole, HTTP1)
        costs = {feature.name: everything - per_request(feature.without(whole), HTTP1) for feature in FEATURES}
    return {
        "totals": [asdict(total) for total in totals],
        "protocol": HTTP1,
        "features": dict(sorted(costs.items(), key=lambda cost: -cost[1])),
    }


def _instructions(ours: Ours, load: LoadGenerator, configuration: str, protocol: str, requests: int) -> int:
    place, home = ours.place, ours.edge.home
    folder = place.new_folder("profiled")
    (folder / "nginx.conf").write_text(configuration)
    reads = {home / "edge": "/edge", folder / "nginx.conf": "/edge/nginx.conf", home / "routes": "/routes", place.tls / "edge": "/tls"}
    profiled = Container("profiled", place.images["bench-profiled"], ["sh", "-c", _START], reads, {place.new_folder("logs"): "/logs"})
    try:
        profiled.start()
        try:
            # Without a handshake, whose instructions would count.
            await_listening(PORT, seconds=60)
        except TimeoutError as error:
            raise RuntimeError(f"nginx did not start under callgrind:\n{profiled.logs()}") from error
        load.send(protocol, requests)
        profiled.signal("QUIT")
        docker("wait", profiled.full_name)
        found = re.search(r"Collected : (\d+)", profiled.logs())
        if found is None:
            raise RuntimeError(f"callgrind counted nothing:\n{profiled.logs()}")
        return int(found[1])
    finally:
        profiled.stop()
