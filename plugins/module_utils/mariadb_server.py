"""What the durable MariaDB server is: its settings, and its service in the Compose file."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.docker_host import CONFIGURATION_LABEL, ENVIRONMENT_LABEL
from ansible_collections.echobase.platform.plugins.module_utils.topology import Environment

SERVICE = "mariadb"
KEY_FINGERPRINT_LABEL = "io.echobase.key-fingerprint"
ROOT_PASSWORD_FILE = "/run/secrets/root_password"


@dataclass(frozen=True)
class MariadbServer:
    env: Environment
    image: str
    buffer_pool: str
    memory: str

    @property
    def settings(self) -> dict[str, str]:
        return {
            "require_secure_transport": "ON",
            "ssl_cert": "/run/tls/tls.crt",
            "ssl_key": "/run/tls/tls.key",
            "tls_version": "TLSv1.2,TLSv1.3",
            "skip_name_resolve": "ON",
            "character_set_server": "utf8mb4",
            "collation_server": "utf8mb4_unicode_ci",
            # A commit that was answered is on disk, in the redo log and in the binary log.
            "innodb_flush_log_at_trx_commit": "1",
            "sync_binlog": "1",
            "log_bin": "mariadb-bin",
            "binlog_format": "ROW",
            "binlog_expire_logs_seconds": str(7 * 24 * 3600),
            "innodb_buffer_pool_size": self.buffer_pool,
            "max_connections": "200",
            "wait_timeout": str(8 * 3600),
        }

    @property
    def my_cnf(self) -> str:
        lines = [f"{name} = {value}" for name, value in self.settings.items()]
        return "\n".join(["# Written by module durable_db.", "[mariadbd]", *lines, ""])

    @property
    def compose(self) -> dict[str, Any]:
        service = self._service()
        service["labels"] = {ENVIRONMENT_LABEL: self.env.name, CONFIGURATION_LABEL: self.digest}
        return {
            "services": {SERVICE: service},
            "networks": {"durable": {"name": self.env.durable_network.name, "external": True}},
            "volumes": {"data": {"name": self.env.mariadb_volume, "external": True}},
        }

    @cached_property
    def digest(self) -> str:
        """What a container was made from; kept as its label."""
        content = json.dumps([self._service(), self.settings], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:16]

    def _service(self) -> dict[str, Any]:
        env = self.env
        return {
            "image": self.image,
            "container_name": env.mariadb_container,
            "command": ["mariadbd"],
            "user": "999:999",
            "read_only": True,
            "tmpfs": ["/tmp:mode=1777", "/run/mysqld:uid=999,gid=999,mode=0755"],
            "cap_drop": ["ALL"],
            "security_opt": ["no-new-privileges:true"],
            "restart": "unless-stopped",
            "stop_grace_period": "60s",
            "mem_limit": self.memory,
            "logging": {"driver": "json-file", "options": {"max-size": "10m", "max-file": "3"}},
            "environment": {"MARIADB_DATABASE": env.database, "MARIADB_ROOT_PASSWORD_FILE": ROOT_PASSWORD_FILE},
            "volumes": [
                {"type": "volume", "source": "data", "target": "/var/lib/mysql"},
                _read_only(env.path("mariadb", "my.cnf"), "/etc/mysql/conf.d/echobase.cnf"),
                _read_only(env.path("tls", "db"), "/run/tls"),
                _read_only(env.path("secrets", "db"), "/run/secrets"),
                _read_only(env.path("secrets", "db", "init.sql"), "/docker-entrypoint-initdb.d/10-users.sql"),
            ],
            "networks": {"durable": {"ipv4_address": env.mariadb_address}},
            "ports": [f"127.0.0.1:{env.mariadb_port}:3306"],
            "healthcheck": {
                "test": ["CMD", "healthcheck.sh", "--connect", "--innodb_initialized"],
                "interval": "5s",
                "timeout": "5s",
                "retries": 3,
                "start_period": "60s",
            },
        }


def _read_only(source: str, target: str) -> dict[str, Any]:
    # A missing source is an error; Docker would otherwise make an empty folder of that name.
    return {"type": "bind", "source": source, "target": target, "read_only": True, "bind": {"create_host_path": False}}
