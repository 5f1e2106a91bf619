"""The accounts of a durable PostgreSQL."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import ClassVar

from ansible_collections.echobase.platform.plugins.module_utils.database.accounts import (
    BACKUP_USER,
    MONITOR_USER,
    REPLICA_USER,
    DatabaseAccounts,
    account_passwords,
)
from ansible_collections.echobase.platform.plugins.module_utils.environment.database_places import MIGRATE_USER
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment

_SCRAM_ITERATIONS = 4096


class PostgresAccounts(DatabaseAccounts):
    file: ClassVar[str] = "init-postgresql.sql"
    applied_digest: ClassVar[str] = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()"

    def _statements(self, env: Environment, values: Mapping[str, str]) -> list[str]:
        migrate, app, database = MIGRATE_USER, env.database_user, env.database
        # Nobody logs in with this password: the account comes by the local socket alone, where the system's user counts.
        statements = [f"ALTER ROLE postgres PASSWORD '{scram_verifier('postgres', values['db_root_password'])}'"]
        for role, password in account_passwords(env, values).items():
            attributes = "LOGIN REPLICATION" if role == REPLICA_USER else "LOGIN"
            exists = f"EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}')"
            statements += [
                f"DO $$ BEGIN IF NOT {exists} THEN CREATE ROLE {role} {attributes}; END IF; END $$",
                f"ALTER ROLE {role} PASSWORD '{scram_verifier(role, password)}'",
            ]
        future = f"ALTER DEFAULT PRIVILEGES FOR ROLE {migrate} IN SCHEMA public GRANT"
        backup_functions = ("pg_backup_start(text, boolean)", "pg_backup_stop(boolean)", "pg_create_restore_point(text)", "pg_switch_wal()")
        return [
            *statements,
            f"REVOKE ALL ON DATABASE {database}, postgres, template1 FROM PUBLIC",
            f"GRANT CONNECT ON DATABASE {database} TO {migrate}, {app}, {BACKUP_USER}, {MONITOR_USER}",
            f"GRANT TEMPORARY ON DATABASE {database} TO {migrate}",
            # Whoever migrates owns the tables, and the application gets at their rows alone.
            f"GRANT USAGE, CREATE ON SCHEMA public TO {migrate}",
            f"GRANT USAGE ON SCHEMA public TO {app}, {BACKUP_USER}",
            f"{future} SELECT, INSERT, UPDATE, DELETE ON TABLES TO {app}",
            f"{future} USAGE, SELECT ON SEQUENCES TO {app}",
            # A backup proves itself by what the tables hold; with MAINTAIN it can hold writers off for the moment that takes.
            f"{future} SELECT ON TABLES TO {BACKUP_USER}",
            f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {BACKUP_USER}",
            _since_17(f"{future} MAINTAIN ON TABLES TO {BACKUP_USER}"),
            _since_17(f"GRANT MAINTAIN ON ALL TABLES IN SCHEMA public TO {BACKUP_USER}"),
            f"GRANT pg_read_all_settings, pg_checkpoint TO {BACKUP_USER}",
            *(f"GRANT EXECUTE ON FUNCTION {function} TO {BACKUP_USER}" for function in backup_functions),
            f"GRANT pg_monitor TO {MONITOR_USER}",
        ]

    def _mark(self, env: Environment, digest: str) -> str:
        return f"COMMENT ON DATABASE {env.database} IS '{digest}'"


def _since_17(statement: str) -> str:
    known = "current_setting('server_version_num')::int >= 170000"
    return f"DO $$ BEGIN IF {known} THEN EXECUTE '{statement}'; END IF; END $$"


def scram_verifier(role: str, password: str) -> str:
    """Gives the verifier of a password (RFC 5803). The salt follows from the password, so that the same password gives the same SQL."""
    salt = hmac.digest(password.encode(), f"salt of {role}".encode(), "sha256")[:16]
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _SCRAM_ITERATIONS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    shown = (base64.b64encode(value).decode() for value in (salt, stored, server))
    return "SCRAM-SHA-256${}:{}${}:{}".format(_SCRAM_ITERATIONS, *shown)
