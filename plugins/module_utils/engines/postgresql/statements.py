"""What is asked of every database server, in the SQL of PostgreSQL."""

from __future__ import annotations

from ansible_collections.echobase.platform.plugins.module_utils.database.statements import Statements

POSTGRES_STATEMENTS = Statements(
    lock_writers="ALTER ROLE {0} NOLOGIN; ALTER ROLE {1} NOLOGIN",
    unlock_writers="ALTER ROLE {0} LOGIN; ALTER ROLE {1} LOGIN",
    disconnect_writers="SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename IN ('{0}', '{1}')",
    count_writers="SELECT count(*) FROM pg_stat_activity WHERE usename IN ('{0}', '{1}')",
    count_tables="SELECT count(*) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')",
    # This one streams; the client would hold the answer of a mere SELECT in its memory.
    only_read="SET TRANSACTION READ ONLY; COPY ({statement}) TO STDOUT",
    make_drill_table=(
        "CREATE SCHEMA IF NOT EXISTS restore_drill; DROP TABLE IF EXISTS restore_drill.written;"
        " CREATE TABLE restore_drill.written (n BIGINT PRIMARY KEY)"
    ),
    remove_drill_table="DROP SCHEMA IF EXISTS restore_drill CASCADE",
    activity=(
        "SELECT EXTRACT(EPOCH FROM now() - pg_postmaster_start_time())::bigint,"
        " (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),"
        " current_setting('max_connections'), pg_is_in_recovery(), pg_database_size('{database}')"
    ),
    about=(
        "SELECT 'PostgreSQL ' || current_setting('server_version'), CASE WHEN pg_is_in_recovery() THEN 't' ELSE 'f' END,"
        " pg_encoding_to_char(encoding), extract(epoch FROM clock_timestamp()),"
        " (SELECT cipher FROM pg_stat_ssl WHERE pid = pg_backend_pid()) FROM pg_database WHERE datname = current_database()"
    ),
    mighty_rights=(
        "SELECT may FROM pg_roles, LATERAL (VALUES ('SUPERUSER', rolsuper), ('CREATEROLE', rolcreaterole), ('CREATEDB', rolcreatedb),"
        " ('REPLICATION', rolreplication), ('BYPASSRLS', rolbypassrls)) AS rights (may, has) WHERE rolname = current_user AND has"
    ),
    product="PostgreSQL",
    encodings=("UTF8",),
    # Without them the server would choose its ways blindly at first.
    after_upgrade="ANALYZE",
)
