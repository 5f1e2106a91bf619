"""MariaDB's own client programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from ansible_collections.echobase.platform.plugins.module_utils.database.client import DatabaseClient
from ansible_collections.echobase.platform.plugins.module_utils.database.server_definition import ROOT_PASSWORD_FILE

# Runs a client as root. The password comes by a pipe of the shell, so it is in no argument and in no environment.
_AS_ROOT = (
    """exec "$0" --defaults-extra-file=<(printf '[client]\\nuser=root\\npassword="%s"\\n' """
    f""""$(sed 's/[\\\\"]/\\\\&/g' {ROOT_PASSWORD_FILE})") "$@" """
)
# Nobody listens on a container's own loopback address but its server, so its certificate need not be looked at.
_LOG_IN = (
    """read -r password; exec mariadb --defaults-extra-file=<(printf '[client]\\nuser="%s"\\npassword="%s"\\n' "$0" "$password") """
    """--host=127.0.0.1 --protocol=tcp --ssl --disable-ssl-verify-server-cert --execute='SELECT 1' "$1" """
)


class MariadbClient(DatabaseClient):
    dump: ClassVar[Sequence[str]] = (
        "mariadb-dump", "--single-transaction",
        "--all-databases", "--routines", "--events", "--triggers", "--hex-blob", "--flush-privileges",
    )  # fmt: skip
    dump_trailer: ClassVar[bytes] = b"-- Dump completed"
    load: ClassVar[Sequence[str]] = ("mariadb",)
    reload_certificate: ClassVar[str] = "FLUSH SSL"

    def as_root(self, *command: str) -> list[str]:
        return ["bash", "-c", _AS_ROOT, *command]

    def query(self, database: str, sql: str) -> tuple[str, ...]:
        return ("mariadb", "--batch", "--skip-column-names", "--quick", f"--execute={sql}", database)

    def execute_file(self, database: str, file: str) -> tuple[str, ...]:
        return ("mariadb", f"--execute=source {file}", database)

    def log_in(self, user: str, database: str) -> tuple[str, ...]:
        return ("bash", "-c", _LOG_IN, user, database)
