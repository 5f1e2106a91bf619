"""PostgreSQL's own client programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from ansible_collections.echobase.platform.plugins.module_utils.database.client import DatabaseClient, DumpedDatabase

_LOG_IN = (
    """read -r PGPASSWORD; export PGPASSWORD; """
    """exec psql "host=127.0.0.1 user=$0 dbname=$1 sslmode=require" --no-psqlrc --no-password --quiet --command='SELECT 1'"""
)
_DUMP = """PGPASSWORD=$(<"$0"); export PGPASSWORD; exec pg_dump "$@" """
_CLIENT = ("psql", "--username=postgres", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1")


class PostgresClient(DatabaseClient):
    dump: ClassVar[Sequence[str]] = ("pg_dumpall", "--clean", "--if-exists", "--username=postgres")
    dump_trailer: ClassVar[bytes] = b"-- PostgreSQL database cluster dump complete"
    load: ClassVar[Sequence[str]] = (*_CLIENT, "--dbname=postgres")
    reload_certificate: ClassVar[str] = "SELECT pg_reload_conf()"

    def as_root(self, *command: str) -> list[str]:
        """The container's user is root to this server, which asks no password of it."""
        return list(command)

    def query(self, database: str, sql: str) -> tuple[str, ...]:
        return (*_CLIENT, f"--dbname={database}", "--no-align", "--tuples-only", "--field-separator=\t", f"--command={sql}")

    def execute_file(self, database: str, file: str) -> tuple[str, ...]:
        return (*_CLIENT, f"--dbname={database}", "--single-transaction", f"--file={file}")

    def dump_from(self, there: DumpedDatabase) -> list[str]:
        where = f"host={there.host} port={there.port} user={there.user} dbname={there.name}"
        tls = f"sslmode=verify-full sslrootcert={there.authority_file}"
        return ["bash", "-ceu", _DUMP, there.password_file, "--no-owner", "--no-privileges", "--no-password", f"{where} {tls}"]

    def load_as(self, owner: str, database: str) -> list[str]:
        return [*_CLIENT, f"--dbname={database}", f"--command=SET ROLE {owner}", "--output=/dev/null", "--file=-"]

    def log_in(self, user: str, database: str) -> tuple[str, ...]:
        return ("bash", "-c", _LOG_IN, user, database)
