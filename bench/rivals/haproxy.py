"""HAProxy, switched by its runtime API: one `set map` on its socket, which no connection notices."""

from __future__ import annotations

import socket
import time
from typing import ClassVar

from bench.container import Container
from bench.place import COLOUR_PORT, COLOURS, PORT, Place
from bench.rivals.contender import ContainerContender, Switched

_CONFIGURATION = """
global
    stats socket /run/bench/admin.sock mode 600 level admin
    maxconn 8192
    # The key lies beside the certificate as tls.key.
    ssl-load-extra-del-ext
    ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets
    tune.ssl.cachesize 20000

defaults
    mode http
{log}
    # Idle times are the edge's own.
    timeout connect 3s
    timeout client 75s
    timeout http-keep-alive 75s
    timeout http-request 15s
    timeout server 60s
    timeout tunnel 1h
    option http-keep-alive
    http-reuse always

frontend edge
    bind 127.0.0.1:{listen} ssl crt /tls/tls.crt alpn h2,http/1.1
    use_backend %[str(live),map(/conf/live.map)]

{backends}
"""
_BACKEND = """backend {colour}
    server {colour} {address}:{port} ssl verify required ca-file /ca/ca.crt sni str({name}) verifyhost {name} alpn http/1.1 pool-max-conn 256 pool-purge-delay 60s
"""  # noqa: E501
# The edge's line, as far as HAProxy knows what stands in it. It writes each line by itself, into the file that is its standard output.
_LOG_LINE = (
    '{"time":"%[date,ltime(%Y-%m-%dT%H:%M:%S%z)]","entrance":"public","client":"%ci","method":"%HM","path":"%HPO","protocol":"%HV",'
    '"status":%ST,"bytes":%B,"seconds":%Ta,"ended":%[date],"trace_id":"%[uuid]","parent_span":"","sampled":"01","colour":"%b",'
    '"bucket":"","error":"","replayed_from":"","upstream_seconds":"%Tr"}'
)


class HAProxy(ContainerContender):
    name = "HAProxy"
    way = "runtime API, `set map`"
    # What stands in its configuration about an access log.
    log = "    # No access log."
    command: ClassVar[list[str]] = ["haproxy", "-W", "-db", "-f", "/conf/haproxy.cfg"]

    def __init__(self, place: Place, cores: str = "") -> None:
        super().__init__(place, cores)
        self._folder = place.new_folder("haproxy")
        self._run = place.new_folder("haproxy-run")
        reads = {self._folder: "/conf", place.tls / "edge": "/tls", place.ca_file: "/ca/ca.crt"}
        self.container = Container("haproxy", place.images["bench"], self.command, reads, {self._run: "/run/bench"}, cores)

    def start(self, colour: str) -> None:
        backends = [
            _BACKEND.format(colour=each, address=self.place.address(each), port=COLOUR_PORT, name=self.place.tls_name(each))
            for each in COLOURS
        ]
        configuration = _CONFIGURATION.format(listen=PORT, backends="\n".join(backends), log=self.log)
        (self._folder / "haproxy.cfg").write_text(configuration)
        (self._folder / "live.map").write_text(f"live {colour}\n")
        self.launch()

    def switch_to(self, colour: str) -> Switched:
        self._command(f"set map /conf/live.map live {colour}")
        return Switched(time.monotonic())

    def _command(self, line: str) -> None:
        with socket.socket(socket.AF_UNIX) as api:
            api.settimeout(5)
            api.connect(str(self._run / "admin.sock"))
            api.sendall(f"{line}\n".encode())
            answer = b"".join(iter(lambda: api.recv(4096), b"")).strip()
        if answer:
            raise RuntimeError(f"HAProxy answered '{answer.decode()}' to '{line}'")


class LoggingHAProxy(HAProxy):
    """So that what the edge's log costs is not taken for what the edge costs."""

    name = "HAProxy with the edge's access log"
    log = f"    log stdout format raw local0\n    log-format '{_LOG_LINE}'"
    command: ClassVar[list[str]] = ["sh", "-c", f"exec {' '.join(HAProxy.command)} > /tmp/access.log"]
