"""Traefik, switched by its file provider: a new file is renamed into the watched folder; its API says when it is in force."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request

from bench.container import Container
from bench.place import ADMIN_PORT, COLOUR_PORT, COLOURS, PORT, Place
from bench.rivals.contender import ContainerContender, Switched, to_json

# JSON is YAML. An access log as the edge has one: JSON, buffered. Traefik waits 2 s between two changes unless told otherwise.
_STATIC = {
    "global": {"checkNewVersion": False, "sendAnonymousUsage": False},
    "log": {"level": "ERROR"},
    "accessLog": {"format": "json", "filePath": "/tmp/access.log", "bufferingSize": 100},
    "api": {"insecure": True, "dashboard": False},
    "entryPoints": {
        "edge": {
            "address": f"127.0.0.1:{PORT}",
            "transport": {"respondingTimeouts": {"readTimeout": "60s", "idleTimeout": "75s"}},
        },
        "traefik": {"address": f"127.0.0.1:{ADMIN_PORT}"},
    },
    "providers": {"providersThrottleDuration": "1ms", "file": {"directory": "/conf/dynamic", "watch": True}},
}


class Traefik(ContainerContender):
    name = "Traefik"
    way = "file provider"

    def __init__(self, place: Place, cores: str = "") -> None:
        super().__init__(place, cores)
        self._folder = place.new_folder("traefik")
        self._dynamic = self._folder / "dynamic"
        self._dynamic.mkdir(exist_ok=True)
        reads = {self._folder: "/conf", place.tls / "edge": "/tls", place.ca_file: "/ca/ca.crt"}
        command = ["traefik", "--configfile=/conf/traefik.yml"]
        self.container = Container("traefik", place.images["bench"], command, reads, cores=cores)

    def start(self, colour: str) -> None:
        (self._folder / "traefik.yml").write_bytes(to_json(_STATIC))
        self._write(colour)
        self.launch()
        self._await(colour)

    def switch_to(self, colour: str) -> Switched:
        self._write(colour)
        self._await(colour)
        return Switched(time.monotonic())

    def _write(self, colour: str) -> None:
        # Outside the watched folder until it is whole.
        new = self._folder / "new.yml"
        new.write_bytes(to_json(self._configuration(colour)))
        new.replace(self._dynamic / "edge.yml")

    def _configuration(self, colour: str) -> dict[str, object]:
        services = {
            each: {
                "loadBalancer": {
                    "servers": [{"url": f"https://{self.place.address(each)}:{COLOUR_PORT}"}],
                    "serversTransport": each,
                    "passHostHeader": True,
                }
            }
            for each in COLOURS
        }
        transports = {
            each: {
                "serverName": self.place.tls_name(each),
                "rootCAs": ["/ca/ca.crt"],
                "maxIdleConnsPerHost": 256,
                "disableHTTP2": True,
                "forwardingTimeouts": {"dialTimeout": "3s", "responseHeaderTimeout": "60s", "idleConnTimeout": "60s"},
            }
            for each in COLOURS
        }
        return {
            "http": {
                "routers": {"edge": {"entryPoints": ["edge"], "rule": "PathPrefix(`/`)", "service": colour, "tls": {}}},
                "services": services,
                "serversTransports": transports,
            },
            "tls": {
                "options": {"default": {"minVersion": "VersionTLS12"}},
                "stores": {"default": {"defaultCertificate": {"certFile": "/tls/tls.crt", "keyFile": "/tls/tls.key"}}},
            },
        }

    def _await(self, colour: str, seconds: float = 20.0) -> None:
        end = time.monotonic() + seconds
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{ADMIN_PORT}/api/http/routers/edge@file", timeout=5) as answer:
                    if json.load(answer)["service"] == colour:
                        return
            except urllib.error.URLError:
                pass
            if time.monotonic() > end:
                raise RuntimeError(f"Traefik does not show {colour} as live:\n{self.container.logs()}")
            time.sleep(0.002)
