"""What is asked of every database server, in the SQL of MariaDB."""

from __future__ import annotations

from ansible_collections.echobase.platform.plugins.module_utils.database.statements import Statements

MARIADB_STATEMENTS = Statements(
    # They stay out of the binary log: a restore of that log shall lock nobody out.
    lock_writers="SET sql_log_bin = 0; ALTER USER '{0}'@'%' ACCOUNT LOCK; ALTER USER '{1}'@'%' ACCOUNT LOCK",
    unlock_writers="SET sql_log_bin = 0; ALTER USER '{0}'@'%' ACCOUNT UNLOCK; ALTER USER '{1}'@'%' ACCOUNT UNLOCK",
    disconnect_writers="KILL USER '{0}'@'%'; KILL USER '{1}'@'%'",
    count_writers="SELECT COUNT(*) FROM information_schema.processlist WHERE user IN ('{0}', '{1}')",
    count_tables="SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE()",
    only_read="START TRANSACTION READ ONLY; {statement}",
    make_drill_table=("CREATE DATABASE IF NOT EXISTS restore_drill; CREATE OR REPLACE TABLE restore_drill.written (n BIGINT PRIMARY KEY)"),
    remove_drill_table="DROP DATABASE IF EXISTS restore_drill",
    activity=(
        "SELECT (SELECT variable_value FROM information_schema.global_status WHERE variable_name = 'UPTIME'),"
        " (SELECT variable_value FROM information_schema.global_status WHERE variable_name = 'THREADS_CONNECTED'),"
        " @@max_connections, IF(@@read_only, 't', 'f'),"
        " (SELECT COALESCE(SUM(data_length + index_length), 0) FROM information_schema.tables WHERE table_schema = '{database}')"
    ),
    about=(
        "SELECT VERSION(), IF(@@read_only, 't', 'f'), @@character_set_database, UNIX_TIMESTAMP(NOW(6)),"
        " (SELECT variable_value FROM information_schema.session_status WHERE variable_name = 'SSL_CIPHER')"
    ),
    mighty_rights=(
        "SELECT privilege_type FROM information_schema.user_privileges"
        " WHERE privilege_type <> 'USAGE' AND REPLACE(grantee, '''', '') = CURRENT_USER() ORDER BY privilege_type"
    ),
    product="MariaDB",
    encodings=("utf8mb4",),
)
