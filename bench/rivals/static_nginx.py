"""Nginx with one upstream, in the same image and with the edge's own TLS and keep-alive settings; switched by `nginx -s reload`."""

from __future__ import annotations

import re
import time

from bench.container import Container
from bench.place import COLOUR_PORT, PORT, Place
from bench.rivals.contender import ContainerContender, Switched
from harness.edge_under_test import EdgeUnderTest

_CONFIGURATION = """
user nginx;
worker_processes {workers};
pid /tmp/nginx.pid;
error_log /dev/stderr error;
events {{ worker_connections 8192; }}
http {{
    default_type application/octet-stream;
    access_log off;
    client_body_temp_path /tmp/body;
    proxy_temp_path /tmp/proxy;
    fastcgi_temp_path /tmp/fastcgi;
    uwsgi_temp_path /tmp/uwsgi;
    scgi_temp_path /tmp/scgi;
    # What follows, and the settings of the upstream, are the edge's own lines.
{settings}
    upstream live {{
        server {address}:{port};
{upstream_settings}
    }}
    server {{
        listen 127.0.0.1:{listen} ssl backlog=4096;
        location / {{
            proxy_pass https://live;
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header Connection "";
        }}
    }}
}}
"""
_SHARED = re.compile(r"(?m)^    (?:ssl_|keepalive_|http2 |tcp_|proxy_ssl_|proxy_(?:connect|send|read)_timeout).*;$")
_LOG_FORMAT = re.compile(r"(?ms)^    log_format usual .*?;$")
_NGINXS_OWN = ("body_", "bytes_", "http_", "msec", "remote_", "request_", "server_", "ssl_", "status", "time_", "upstream_", "uri")
_UPSTREAM = re.compile(r"(?m)^    upstream blue_gateway \{\n        server [^;]*;\n((?:        .*;\n)*)    \}$")


class StaticNginx(ContainerContender):
    name = "static nginx"
    way = "upstream rewritten, `nginx -s reload`"

    def __init__(self, place: Place, cores: str = "") -> None:
        super().__init__(place, cores)
        self._folder = place.new_folder("static-nginx")
        reads = {self._folder: "/conf", place.tls / "edge": "/tls", place.ca_file: "/edge/ca.crt"}
        command = ["nginx", "-e", "/dev/stderr", "-c", "/conf/nginx.conf", "-g", "daemon off;"]
        self.container = Container("static-nginx", place.images["nginx"], command, reads, cores=cores)

    def start(self, colour: str) -> None:
        self._write(colour)
        self.launch()

    def switch_to(self, colour: str) -> Switched:
        self._write(colour)
        # What `nginx -s reload` does, without the time that `docker exec` takes.
        self.container.signal("HUP")
        return Switched(time.monotonic())

    def _write(self, colour: str) -> None:
        (self._folder / "nginx.conf").write_text(self.configuration(colour))

    def configuration(self, colour: str) -> str:
        edges = _edges_configuration(self.place)
        settings = [line for line in _SHARED.findall(edges) if "proxy_ssl_name" not in line]
        settings.append(f"    proxy_ssl_name {self.place.tls_name(colour)};")
        return _CONFIGURATION.format(
            workers=1 if self.cores else "auto",
            settings="\n".join(settings),
            upstream_settings=_found(_UPSTREAM, edges)[1].rstrip(),
            address=self.place.address(colour),
            port=COLOUR_PORT,
            listen=PORT,
        )


class LoggingStaticNginx(StaticNginx):
    """So that the price of the access log is not mistaken for the price of the switch."""

    name = "static nginx with the edge's access log"

    def configuration(self, colour: str) -> str:
        edges = _edges_configuration(self.place)
        log_format = _found(_LOG_FORMAT, edges)[0]
        # The variables of the edge's own say nothing here, but are written.
        own = [name for name in re.findall(r"\$(\w+)", log_format) if not name.startswith(_NGINXS_OWN)]
        constants = "".join(f'    map "" ${name} {{ default "{name}"; }}\n' for name in dict.fromkeys(own))
        log = f"{constants}{log_format}\n    access_log /tmp/access.log usual buffer=64k flush=1s;"
        return super().configuration(colour).replace("    access_log off;", log)


def _edges_configuration(place: Place) -> str:
    return EdgeUnderTest(place.facts, place.images["nginx"]).render("nginx.conf.j2")


def _found(pattern: re.Pattern[str], configuration: str) -> re.Match[str]:
    found = pattern.search(configuration)
    if found is None:
        raise RuntimeError(f"the edge's configuration no longer has what is taken over from it: {pattern.pattern}")
    return found
