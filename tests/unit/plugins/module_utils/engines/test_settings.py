from __future__ import annotations

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.base.byte_size import GIB, MIB, byte_size
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.engines.mariadb.settings import mariadb_settings
from ansible_collections.echobase.platform.plugins.module_utils.engines.postgresql.settings import postgres_settings

MEMORIES = [256 * MIB, 512 * MIB, GIB, 4 * GIB, 64 * GIB]


def size(settings: dict[str, str], name: str) -> int:
    return byte_size(settings[name], name)


@pytest.mark.parametrize("memory", MEMORIES)
def test_a_commit_that_was_answered_is_on_disk_whatever_the_memory(memory: int) -> None:
    mariadb, postgres = mariadb_settings(memory), postgres_settings(memory)
    assert (mariadb["innodb_flush_log_at_trx_commit"], mariadb["sync_binlog"], mariadb["innodb_doublewrite"]) == ("1", "1", "ON")
    assert (postgres["fsync"], postgres["synchronous_commit"], postgres["full_page_writes"]) == ("on", "on", "on")


@pytest.mark.parametrize("memory", MEMORIES)
@pytest.mark.parametrize("connections", [50, 200])
def test_what_is_taken_fits_into_the_memory(memory: int, connections: int) -> None:
    mariadb, postgres = mariadb_settings(memory, connections), postgres_settings(memory, connections)
    assert 64 * MIB <= size(mariadb, "innodb_buffer_pool_size") <= memory // 2
    assert size(mariadb, "tmp_table_size") <= memory // 16
    assert size(postgres, "shared_buffers") <= memory // 4
    assert size(postgres, "shared_buffers") + size(postgres, "maintenance_work_mem") < memory // 2
    assert size(postgres, "effective_cache_size") < memory


def test_more_memory_is_used() -> None:
    assert size(mariadb_settings(4 * GIB), "innodb_buffer_pool_size") > 3 * size(mariadb_settings(GIB), "innodb_buffer_pool_size")
    assert size(postgres_settings(4 * GIB), "shared_buffers") == 4 * size(postgres_settings(GIB), "shared_buffers")


@pytest.mark.parametrize("settings", [mariadb_settings, postgres_settings])
def test_too_little_memory_is_one_clear_line(settings: object) -> None:
    with pytest.raises(Refusal, match=r"durable_db_memory is 64 MiB, too little for (MariaDB|PostgreSQL) - give it 256m or more"):
        settings(64 * MIB)  # type: ignore[operator]


def test_all_that_mariadb_writes_is_encrypted() -> None:
    settings = mariadb_settings(GIB)
    assert settings["innodb_encrypt_tables"] == "FORCE"
    names = ("innodb_encrypt_log", "encrypt_binlog", "encrypt_tmp_files", "encrypt_tmp_disk_tables", "aria_encrypt_tables")
    assert {settings[name] for name in names} == {"ON"}


def test_without_encryption_the_key_is_still_there_to_read_what_was_encrypted() -> None:
    settings = mariadb_settings(GIB, encrypted=False)
    assert (settings["innodb_encrypt_tables"], settings["plugin_load_add"]) == ("OFF", "file_key_management")
    assert int(settings["innodb_encryption_threads"]) > 0


def test_no_login_goes_in_the_clear() -> None:
    assert mariadb_settings(GIB)["require_secure_transport"] == "ON"
    assert mariadb_settings(GIB)["tls_version"] == "TLSv1.2,TLSv1.3"
    assert (postgres_settings(GIB)["ssl"], postgres_settings(GIB)["ssl_min_protocol_version"]) == ("on", "TLSv1.2")
