"""Caddy, switched by its admin API: a whole new configuration is posted to /load, as `caddy reload` does."""

from __future__ import annotations

import time
import urllib.request

from bench.container import Container
from bench.place import ADMIN_PORT, COLOUR_PORT, PORT, Place
from bench.rivals.contender import ContainerContender, Switched, to_json

_ACCESS = "http.log.access"
_LOG_FILE = {"output": "file", "filename": "/tmp/access.log", "roll": False}


class Caddy(ContainerContender):
    name = "Caddy"
    way = "admin API, `POST /load`"

    def __init__(self, place: Place, cores: str = "") -> None:
        super().__init__(place, cores)
        self._folder = place.new_folder("caddy")
        reads = {self._folder: "/conf", place.tls / "edge": "/tls", place.ca_file: "/ca/ca.crt"}
        command = ["caddy", "run", "--config", "/conf/caddy.json"]
        self.container = Container("caddy", place.images["bench"], command, reads, cores=cores)

    def start(self, colour: str) -> None:
        (self._folder / "caddy.json").write_bytes(to_json(self._configuration(colour)))
        self.launch()

    def switch_to(self, colour: str) -> Switched:
        body, headers = to_json(self._configuration(colour)), {"Content-Type": "application/json"}
        request = urllib.request.Request(f"http://127.0.0.1:{ADMIN_PORT}/load", data=body, headers=headers, method="POST")
        with urllib.request.urlopen(request, timeout=20):
            return Switched(time.monotonic())

    def _configuration(self, colour: str) -> dict[str, object]:
        transport = {
            "protocol": "http",
            "versions": ["1.1"],
            "dial_timeout": "3s",
            "response_header_timeout": "60s",
            "keep_alive": {"max_idle_conns_per_host": 256, "idle_timeout": "60s"},
            "tls": {"server_name": self.place.tls_name(colour), "ca": {"provider": "file", "pem_files": ["/ca/ca.crt"]}},
        }
        upstreams = [{"dial": f"{self.place.address(colour)}:{COLOUR_PORT}"}]
        edge = {
            "listen": [f"127.0.0.1:{PORT}"],
            "idle_timeout": "75s",
            # An access log as the edge has one; no certificates of Caddy's own.
            "logs": {},
            "automatic_https": {"disable": True},
            "tls_connection_policies": [{"protocol_min": "tls1.2"}],
            "routes": [{"handle": [{"handler": "reverse_proxy", "transport": transport, "upstreams": upstreams}]}],
        }
        return {
            "admin": {"listen": f"127.0.0.1:{ADMIN_PORT}", "config": {"persist": False}},
            "logging": {
                "logs": {"default": {"level": "ERROR", "exclude": [_ACCESS]}, "access": {"include": [_ACCESS], "writer": _LOG_FILE}}
            },
            "apps": {
                "http": {"servers": {"edge": edge}},
                "tls": {"certificates": {"load_files": [{"certificate": "/tls/tls.crt", "key": "/tls/tls.key"}]}},
            },
        }
