"""What the durable PostgreSQL server is."""

from __future__ import annotations

from typing import Any, ClassVar

from ansible_collections.echobase.platform.plugins.module_utils.containers.limits import SMALL_TEMPORARY, in_memory
from ansible_collections.echobase.platform.plugins.module_utils.database.accounts import REPLICA_USER
from ansible_collections.echobase.platform.plugins.module_utils.database.server_definition import (
    REPLICA_PASSWORD_FILE,
    ROOT_PASSWORD_FILE,
    ServerDefinition,
    health_check,
    read_only,
)
from ansible_collections.echobase.platform.plugins.module_utils.engines.postgresql.accounts import PostgresAccounts
from ansible_collections.echobase.platform.plugins.module_utils.engines.postgresql.pgbackrest import ARCHIVE_COMMAND, CONFIGURATION_FOLDER
from ansible_collections.echobase.platform.plugins.module_utils.engines.postgresql.settings import POSTGRES_GUARDED, postgres_settings
from ansible_collections.echobase.platform.plugins.module_utils.environment.database_places import POSTGRESQL
from ansible_collections.echobase.platform.plugins.module_utils.environment.inside import AUTHORITY_FILE, DATABASE

_CONFIGURATION, _HOST_RULES = "postgresql.conf", "pg_hba.conf"
# The first line that fits decides. Whoever is user 999 in the container is postgres; nobody is that over the network.
_RULES = (
    ("local", "all", "postgres", "", "peer"),
    ("hostssl", "all", "postgres", "all", "reject"),
    ("hostssl", "all", "all", "all", "scram-sha-256"),
    # "all" does not include the log, which has the name of a database of its own.
    ("hostssl", "replication", REPLICA_USER, "all", "scram-sha-256"),
)

# The slot that has the primary keep its log until the replica has it.
REPLICATION_SLOT = "replica"
_PASSWORDS_FILE = "/tmp/replica.pgpass"
# Compose takes two dollar signs for one.
_FOLLOW = f"""
umask 077
printf '*:*:*:{REPLICA_USER}:%s\n' "$$(< {REPLICA_PASSWORD_FILE})" > {_PASSWORDS_FILE}
exec docker-entrypoint.sh "$$@"
"""


class PostgresServer(ServerDefinition):
    engine: ClassVar[str] = POSTGRESQL.engine
    guarded_settings: ClassVar[frozenset[str]] = POSTGRES_GUARDED | {"hba_file", "archive_mode", "archive_command"}
    initial_accounts: ClassVar[str] = PostgresAccounts.file

    @property
    def _own_settings(self) -> dict[str, str]:
        return {
            **postgres_settings(self.memory_bytes, self.connections),
            "hba_file": f"{CONFIGURATION_FOLDER}/{_HOST_RULES}",
            "archive_mode": "on",
            "archive_command": ARCHIVE_COMMAND,
            # A loss of the machine costs at most what was written in this time.
            "archive_timeout": "30s",
        }

    @property
    def _following_settings(self) -> dict[str, str]:
        primary = self.env.server(self.engine)
        return {
            # A promoted replica archives nothing itself: its log waits for the server that will serve its data.
            "archive_command": "",
            "primary_conninfo": f"host={primary.container} port={primary.container_port} user={REPLICA_USER} passfile={_PASSWORDS_FILE}"
            f" sslmode=verify-full sslrootcert={AUTHORITY_FILE} connect_timeout=5 application_name={REPLICATION_SLOT}",
            "primary_slot_name": REPLICATION_SLOT,
            "wal_receiver_status_interval": "1s",
            "wal_receiver_timeout": "20s",
            "wal_retrieve_retry_interval": "1s",
        }

    @property
    def _following_service(self) -> dict[str, Any]:
        return {"entrypoint": ["bash", "-ceu", _FOLLOW, "follow"]}

    @property
    def files(self) -> dict[str, str]:
        settings = [f"{name} = {_quoted(value)}" for name, value in self.settings.items()]
        rules = [" ".join(filter(None, rule)) for rule in _RULES]
        head = "# Written by module durable_db."
        return {name: "\n".join([head, *lines, ""]) for name, lines in ((_CONFIGURATION, settings), (_HOST_RULES, rules))}

    def says_what_is_wrong(self, line: str) -> bool:
        return any(sign in line for sign in ("FATAL:", "PANIC:", "ERROR:")) or line.startswith("[entrypoint]")

    @property
    def _configuration_mount(self) -> dict[str, Any]:
        return read_only(self.env.path(self.names.service), CONFIGURATION_FOLDER)

    @property
    def _own_service(self) -> dict[str, Any]:
        return {
            "command": ["postgres", f"--config-file={CONFIGURATION_FOLDER}/{_CONFIGURATION}"],
            "tmpfs": [
                f"/tmp:{in_memory(SMALL_TEMPORARY)}",
                f"/run/postgresql:{in_memory(SMALL_TEMPORARY, f'uid={DATABASE},gid={DATABASE},mode=0775')}",
            ],
            # The workers of one query share their results there.
            "shm_size": "256m",
            "environment": {"POSTGRES_DB": self.env.database, "POSTGRES_PASSWORD_FILE": ROOT_PASSWORD_FILE},
            "healthcheck": health_check(),
        }


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"
