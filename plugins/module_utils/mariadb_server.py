"""What the durable MariaDB server is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from ansible_collections.echobase.platform.plugins.module_utils.mariadb_settings import MARIADB_GUARDED, mariadb_settings
from ansible_collections.echobase.platform.plugins.module_utils.server_definition import (
    ROOT_PASSWORD_FILE,
    SECRETS_FOLDER,
    ServerDefinition,
    health_check,
    read_only,
)

# Runs a client as root. The password comes by a pipe of the shell, so it is in no argument and in no environment.
_AS_ROOT = (
    """exec "$0" --defaults-extra-file=<(printf '[client]\\nuser=root\\npassword="%s"\\n' """
    f""""$(sed 's/[\\\\"]/\\\\&/g' {ROOT_PASSWORD_FILE})") "$@" """
)
_CONFIGURATION = "my.cnf"


class MariadbServer(ServerDefinition):
    engine: ClassVar[str] = "mariadb"
    encrypts_by_itself: ClassVar[bool] = True
    needed_secrets: ClassVar[Sequence[str]] = ("encryption.keys",)
    guarded_settings: ClassVar[frozenset[str]] = MARIADB_GUARDED
    initial_accounts: ClassVar[str] = "init.sql"
    dump_command: ClassVar[Sequence[str]] = (
        "mariadb-dump", "--single-transaction",
        "--all-databases", "--routines", "--events", "--triggers", "--hex-blob", "--flush-privileges",
    )  # fmt: skip
    dump_trailer: ClassVar[bytes] = b"-- Dump completed"
    reload_certificate_sql: ClassVar[str] = "FLUSH SSL"

    @property
    def _own_settings(self) -> dict[str, str]:
        return mariadb_settings(self.memory_bytes, self.connections, self.encrypted)

    @property
    def files(self) -> dict[str, str]:
        lines = [f"{name} = {value}" for name, value in self.settings.items()]
        return {_CONFIGURATION: "\n".join(["# Written by module durable_db.", "[mariadbd]", *lines, ""])}

    @property
    def companions(self) -> tuple[str, ...]:
        return (f"{self.names.container}-archiver",)

    def as_root(self, *command: str) -> list[str]:
        return ["bash", "-c", _AS_ROOT, *command]

    def query(self, sql: str) -> tuple[str, ...]:
        return ("mariadb", "--batch", "--skip-column-names", "--quick", f"--execute={sql}", self.env.database)

    @property
    def apply_accounts(self) -> tuple[str, ...]:
        return ("mariadb", f"--execute=source {SECRETS_FOLDER}/{self.initial_accounts}", self.env.database)

    def is_telling(self, line: str) -> bool:
        return "[ERROR]" in line or "ERROR:" in line or line.startswith("[entrypoint]")

    @property
    def _configuration_mount(self) -> dict[str, Any]:
        return read_only(self.env.path(self.names.service, _CONFIGURATION), "/etc/mysql/conf.d/echobase.cnf")

    @property
    def _particular(self) -> dict[str, Any]:
        return {
            "command": ["mariadbd"],
            "tmpfs": ["/tmp:mode=1777", "/run/mysqld:uid=999,gid=999,mode=0755"],
            "environment": {"MARIADB_DATABASE": self.env.database, "MARIADB_ROOT_PASSWORD_FILE": ROOT_PASSWORD_FILE},
            "healthcheck": health_check("--connect", "--innodb_initialized"),
        }
