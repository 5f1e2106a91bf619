"""MariaDB's own client programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from ansible_collections.echobase.platform.plugins.module_utils.database.client import DatabaseClient, DumpedDatabase
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
# The password comes from a file, by a pipe of the shell: it is in no argument and in no environment.
_DUMP = (
    """user=$1; shift; exec mariadb-dump --defaults-extra-file=<(printf '[client]\\nuser="%s"\\npassword="%s"\\n' """
    """"$user" "$(sed 's/[\\\\"]/\\\\&/g' "$0")") "$@" """
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

    def dump_from(self, there: DumpedDatabase) -> list[str]:
        where = [f"--host={there.host}", f"--port={there.port}", f"--ssl-ca={there.authority_file}", "--ssl-verify-server-cert"]
        what = ["--single-transaction", "--skip-lock-tables", "--no-tablespaces", "--triggers", "--routines", "--events", "--hex-blob"]
        return ["bash", "-ceu", _DUMP, there.password_file, there.user, *where, *what, there.name]

    def load_as(self, owner: str, database: str) -> list[str]:
        """Rights are to the whole database here, whoever made a table."""
        return ["mariadb", database]

    def log_in(self, user: str, database: str) -> tuple[str, ...]:
        return ("bash", "-c", _LOG_IN, user, database)
