"""The settings of a durable PostgreSQL: what keeps data safe first, the rest from the memory it may use."""

from __future__ import annotations

from ansible_collections.echobase.platform.plugins.module_utils.base.byte_size import GIB, MIB
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.engines.postgresql.pgbackrest import ARCHIVE_COMMAND

SMALLEST_MEMORY = 256 * MIB
_DURABLE = {
    # A commit that was answered is on disk, and no page is half written.
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "wal_level": "replica",
    "wal_compression": "zstd",
    "max_wal_senders": "5",
    "max_replication_slots": "5",
    # A replica that is away must not fill the disk of the one that serves.
    "max_slot_wal_keep_size": "4GB",
    "checkpoint_timeout": "15min",
    # A commit is in the repository half a minute later.
    "archive_mode": "on",
    "archive_timeout": "30s",
    "archive_command": ARCHIVE_COMMAND,
}
_GUARDED = {
    "password_encryption": "scram-sha-256",
    "ssl": "on",
    "ssl_cert_file": "/run/tls/tls.crt",
    "ssl_key_file": "/run/tls/tls.key",
    "ssl_min_protocol_version": "TLSv1.2",
}
_LOGGED = {
    "log_destination": "stderr",
    "log_min_duration_statement": "1s",
    "log_lock_waits": "on",
    # The log has statements without their values, and errors without the row that they are about.
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_error_verbosity": "terse",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u@%d ",
}
# A user cannot have these otherwise.
POSTGRES_GUARDED = frozenset({*_DURABLE, *_GUARDED})


def postgres_settings(memory: int, connections: int = 200) -> dict[str, str]:
    """`memory` is what the container may use, in bytes."""
    if memory < SMALLEST_MEMORY:
        raise Refusal(
            f"durable_db_memory is {memory // MIB} MiB, too little for PostgreSQL",
            f"give it {SMALLEST_MEMORY // MIB}m or more, 1g for real use",
        )
    wal = min(max(memory // 2, 256 * MIB), 4 * GIB)
    return {
        **_DURABLE,
        **_GUARDED,
        **_LOGGED,
        "listen_addresses": "*",
        "timezone": "UTC",
        "max_connections": str(connections),
        "shared_buffers": _megabytes(memory // 4),
        "effective_cache_size": _megabytes(memory * 5 // 8),
        "maintenance_work_mem": _megabytes(min(max(memory // 16, 16 * MIB), GIB)),
        # Each of a statement's steps may take it, and not every connection sorts at once.
        "work_mem": _megabytes(max(memory // 4 // connections, 4 * MIB)),
        "max_wal_size": _megabytes(wal),
        "min_wal_size": _megabytes(wal // 4),
        # The disks of today find a page anywhere in about the same time.
        "random_page_cost": "1.1",
        "idle_in_transaction_session_timeout": "10min",
    }


def _megabytes(size: int) -> str:
    return f"{size // MIB}MB"
