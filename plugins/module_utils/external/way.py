"""The one way from an environment's containers to a database that stands elsewhere.

The networks of a colour lead nowhere else (docs/decisions/115), so a container on the durable network, at the address that a server of our
own would have, passes bytes on to the server and nowhere else. It neither sees nor holds a secret: TLS is between the application and the
server, whose name each program finds at this address.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ansible_collections.echobase.platform.plugins.module_utils.base.atomic_file import write_durably
from ansible_collections.echobase.platform.plugins.module_utils.containers.client import CONFIGURATION_LABEL, ENVIRONMENT_LABEL, LOGGING
from ansible_collections.echobase.platform.plugins.module_utils.containers.compose import PLACEHOLDER, ComposeFile
from ansible_collections.echobase.platform.plugins.module_utils.containers.described import DescribedContainers
from ansible_collections.echobase.platform.plugins.module_utils.containers.ours import our_container
from ansible_collections.echobase.platform.plugins.module_utils.environment.external_database import FOLDER, ExternalDatabase
from ansible_collections.echobase.platform.plugins.module_utils.environment.inside import NGINX, user_and_group
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment

if TYPE_CHECKING:
    from docker import DockerClient

COMPOSE = "compose/durable-external-database.yml"
_SERVICE = "external-database"
_CONFIGURATION = "way.conf"
_INSIDE = "/etc/way.conf"


@dataclass(frozen=True)
class WayOut:
    docker: DockerClient
    env: Environment

    @property
    def container(self) -> str:
        return f"echobase-{self.env.name}-durable-{_SERVICE}"

    def steps(self, database: ExternalDatabase, image: str) -> list[str]:
        written = self._write(database, check=True)
        return [*written, *self._described(database, image).ensure(0, check=True).facts["steps"]]

    def ensure(self, database: ExternalDatabase, image: str) -> None:
        self._write(database, check=False)
        self._described(database, image).ensure(60, check=False)

    def removal_steps(self) -> list[str]:
        is_there = our_container(self.docker, self.env.name, self.container) is not None
        things = [*([self.container] if is_there else []), *([COMPOSE] if Path(self.env.path(COMPOSE)).exists() else [])]
        return [f"remove {thing}" for thing in things]

    def remove(self) -> None:
        # Compose is not used for this: `down` would take the whole project, and the cache with it.
        if our_container(self.docker, self.env.name, self.container) is not None:
            self.docker.api.remove_container(self.container, force=True)
        Path(self.env.path(COMPOSE)).unlink(missing_ok=True)

    def _described(self, database: ExternalDatabase, image: str) -> DescribedContainers:
        file = ComposeFile(self.env.durable_project, self.env.path(COMPOSE))
        return DescribedContainers(self.docker, self.env.name, file, self._compose(database, image), [self.container], waits=False)

    def _write(self, database: ExternalDatabase, check: bool) -> list[str]:
        file, content = Path(self.env.path(FOLDER, _CONFIGURATION)), configuration(database)
        if file.exists() and file.read_text(encoding="utf-8") == content:
            return []
        if not check:
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
            write_durably(file, content, mode=0o644)
        return [f"write {file.name}"]

    def _compose(self, database: ExternalDatabase, image: str) -> str:
        digest = hashlib.sha256(configuration(database).encode()).hexdigest()[:16]
        service = {
            "image": image,
            "container_name": self.container,
            "command": ["nginx", "-c", _INSIDE, "-g", "daemon off;"],
            "user": user_and_group(NGINX),
            "read_only": True,
            "tmpfs": ["/tmp:mode=1777,size=4m", "/var/lib/nginx:mode=1777,size=4m"],
            "cap_drop": ["ALL"],
            "security_opt": ["no-new-privileges:true"],
            "restart": "unless-stopped",
            "mem_limit": "64m",
            "pids_limit": 32,
            # Two for each connection of a program.
            "ulimits": {"nofile": {"soft": 16384, "hard": 16384}},
            # Whoever has an open transaction may end it.
            "stop_grace_period": "30s",
            "logging": LOGGING,
            "volumes": [
                {
                    "type": "bind",
                    "source": self.env.path(FOLDER, _CONFIGURATION),
                    "target": _INSIDE,
                    "read_only": True,
                    "bind": {"create_host_path": False},
                }
            ],
            "networks": {"durable": {"ipv4_address": self.env.server(database.engine).address}},
            "labels": {ENVIRONMENT_LABEL: self.env.name, CONFIGURATION_LABEL: PLACEHOLDER, "io.echobase.way": digest},
        }
        networks = {"durable": {"name": self.env.durable_network.name, "external": True}}
        return json.dumps({"services": {_SERVICE: service}, "networks": networks}, indent=1) + "\n"


def configuration(database: ExternalDatabase) -> str:
    """The name is looked up again every ten seconds: where its owner moves the server, new connections follow."""
    target = database.address or database.host
    target = f"[{target}]" if ":" in target else target
    return f"""load_module /usr/lib/nginx/modules/ngx_stream_module.so;
worker_processes 1;
pid /tmp/nginx.pid;
error_log stderr warn;
events {{ worker_connections 8192; }}
stream {{
    resolver 127.0.0.11 valid=10s ipv6=off;
    # Only a name in a variable is looked up while nginx serves, and not once for all when it starts.
    map $remote_addr $server {{ default "{target}:{database.port}"; }}
    server {{
        listen {database.port} so_keepalive=60s:10s:6;
        proxy_pass $server;
        proxy_connect_timeout 5s;
        # A pool of connections may sleep for a night; a peer that is gone is noticed by keep-alives.
        proxy_timeout 7d;
        proxy_socket_keepalive on;
    }}
}}
"""
