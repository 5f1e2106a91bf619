"""The settings of a durable MariaDB: what keeps data safe first, the rest from the memory it may use."""

from __future__ import annotations

from ansible_collections.echobase.platform.plugins.module_utils.base.byte_size import GIB, MIB
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal

KEY_FILE = "/run/secrets/encryption.keys"
SMALLEST_MEMORY = 256 * MIB
# The answer is how many tablespaces are encrypted, and how many there are.
ENCRYPTION_PROGRESS = "SELECT COALESCE(SUM(ENCRYPTION_SCHEME <> 0), 0), COUNT(*) FROM information_schema.INNODB_TABLESPACES_ENCRYPTION"
# Each connection takes about this much: its thread, and its buffers while it sorts and joins.
_CONNECTION = MIB
_DURABLE = {
    # A commit that was answered is on disk, in the redo log and in the binary log, and no page is half written.
    "innodb_flush_log_at_trx_commit": "1",
    "sync_binlog": "1",
    "innodb_doublewrite": "ON",
    "log_bin": "mariadb-bin",
    "binlog_format": "ROW",
    # The archiver deletes logs that are archived. Without an archiver the oldest go by size, before the disk is full.
    "binlog_expire_logs_seconds": "0",
    # 10.11 knows neither this nor the third setting below, which is only needed with it.
    "loose_max_binlog_total_size": "8G",
    "max_binlog_size": "64M",
    # Otherwise logs go only while a replica is connected.
    "loose_slave_connections_needed_for_purge": "0",
    "log_slave_updates": "ON",
    "gtid_strict_mode": "ON",
}
_GUARDED = {
    "require_secure_transport": "ON",
    "ssl_cert": "/run/tls/tls.crt",
    "ssl_key": "/run/tls/tls.key",
    "tls_version": "TLSv1.2,TLSv1.3",
    "skip_name_resolve": "ON",
    "local_infile": "OFF",
}
_ENCRYPTED = {
    # Tables that exist are encrypted in the background.
    "innodb_encrypt_tables": "FORCE",
    "innodb_encryption_threads": "2",
    "innodb_encrypt_log": "ON",
    "innodb_encrypt_temporary_tables": "ON",
    "aria_encrypt_tables": "ON",
    "encrypt_binlog": "ON",
    "encrypt_tmp_files": "ON",
    "encrypt_tmp_disk_tables": "ON",
}
# The threads decrypt what was encrypted before.
_IN_CLEAR = {"innodb_encrypt_tables": "OFF", "innodb_encryption_threads": "2"}
# A user cannot have these otherwise.
MARIADB_GUARDED = frozenset(name.removeprefix("loose_") for name in (*_DURABLE, *_GUARDED, *_ENCRYPTED))


def mariadb_settings(memory: int, connections: int = 200, encrypted: bool = True) -> dict[str, str]:
    """`memory` is what the container may use, in bytes."""
    buffer_pool = buffer_pool_size(memory, connections)
    return {
        **_DURABLE,
        **_GUARDED,
        "plugin_load_add": "file_key_management",
        "file_key_management_filename": KEY_FILE,
        "file_key_management_encryption_algorithm": "AES_CTR",
        **(_ENCRYPTED if encrypted else _IN_CLEAR),
        "character_set_server": "utf8mb4",
        "collation_server": "utf8mb4_unicode_ci",
        "default_time_zone": "+00:00",
        "innodb_buffer_pool_size": _megabytes(buffer_pool),
        "innodb_log_file_size": _megabytes(min(max(buffer_pool // 2, 96 * MIB), 2 * GIB)),
        "max_connections": str(connections),
        "tmp_table_size": _megabytes(min(max(memory // 64, 8 * MIB), 64 * MIB)),
        "max_heap_table_size": _megabytes(min(max(memory // 64, 8 * MIB), 64 * MIB)),
        "wait_timeout": str(8 * 3600),
        # Slow queries get into the container's log.
        "slow_query_log": "ON",
        "slow_query_log_file": "/dev/stderr",
        "long_query_time": "1",
    }


def buffer_pool_size(memory: int, connections: int) -> int:
    """It is half of the memory at most: the server needs a share for itself, which grows with its connections."""
    if memory < SMALLEST_MEMORY:
        raise Refusal(
            f"durable_db_memory is {memory // MIB} MiB, too little for MariaDB",
            f"give it {SMALLEST_MEMORY // MIB}m or more, 1g for real use",
        )
    left = memory - 128 * MIB - connections * _CONNECTION
    return max(min(memory // 2, left), 64 * MIB) // (16 * MIB) * (16 * MIB)


def _megabytes(size: int) -> str:
    return f"{size // MIB}M"
