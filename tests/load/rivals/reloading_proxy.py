"""The usual way: nginx before two colours, switched by a rewritten upstream and `nginx -s reload`."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from upstreams import Upstream

from harness.waiting import eventually

# Stock settings, but for the paths of a container without writable folders: nothing here was chosen to lose requests.
_CONFIGURATION = """
worker_processes auto;
pid /tmp/nginx.pid;
error_log /dev/stderr error;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path /tmp/body;
    proxy_temp_path /tmp/proxy;
    fastcgi_temp_path /tmp/fastcgi;
    uwsgi_temp_path /tmp/uwsgi;
    scgi_temp_path /tmp/scgi;
    upstream live {{
        server {address}:{port};
        keepalive 64;
    }}
    map $http_upgrade $hop {{
        websocket upgrade;
        default "";
    }}
    server {{
        listen 127.0.0.1:{listen} ssl;
        http2 on;
        ssl_certificate /tls/tls.crt;
        ssl_certificate_key /tls/tls.key;
        location / {{
            proxy_pass https://live;
            proxy_http_version 1.1;
            proxy_set_header Connection $hop;
            proxy_set_header Upgrade $http_upgrade;
        }}
    }}
}}
"""


@dataclass
class ReloadingProxy:
    image: str
    folder: Path
    # With tls.crt and tls.key for localhost.
    tls: Path
    port: int
    container: str = "zz-load-reloading-proxy"

    def start(self, upstream: Upstream) -> None:
        self._write(upstream)
        command = ["run", "--detach", "--rm", "--name", self.container, "--network", "host", "--stop-timeout", "1"]
        command += ["--volume", f"{self.folder}:/conf:ro", "--volume", f"{self.tls}:/tls:ro"]
        _docker(*command, self.image, "nginx", "-e", "/dev/stderr", "-c", "/conf/nginx.conf", "-g", "daemon off;")
        self._await_listening()

    def switch_to(self, upstream: Upstream) -> None:
        self._write(upstream)
        _docker("exec", self.container, "nginx", "-c", "/conf/nginx.conf", "-s", "reload")

    def stop(self) -> None:
        subprocess.run(["docker", "rm", "--force", self.container], capture_output=True, check=False)

    def _write(self, upstream: Upstream) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "nginx.conf").write_text(_CONFIGURATION.format(address=upstream.address, port=upstream.port, listen=self.port))

    def _await_listening(self, seconds: float = 20.0) -> None:
        def listens() -> bool:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                return False
            return True

        eventually(listens, f"{self.container} listens", seconds)


@contextmanager
def running_proxy(proxy: ReloadingProxy, upstream: Upstream) -> Iterator[ReloadingProxy]:
    proxy.stop()
    try:
        proxy.start(upstream)
        yield proxy
    finally:
        proxy.stop()


def _docker(*arguments: str) -> None:
    done = subprocess.run(["docker", *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, done.stdout
