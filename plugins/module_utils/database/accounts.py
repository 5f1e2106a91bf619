"""Who may log in to a durable database, and what each may do: SQL that makes it so on a new database as on one that is in use.

It holds verifiers of the passwords and never a password, so that neither a log nor an error can tell one. Its last statement writes its
digest beside the application's database, where every login can read which accounts are there. Each statement is one line: a server that
starts for the first time reads it so. Nothing is revoked from an account on the way, since the application works meanwhile.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping

from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment

MIGRATE_USER = "migrate_user"
BACKUP_USER = "backup_user"
MONITOR_USER = "monitor_user"
REPLICA_USER = "replica_user"
# The secret that is what the administrator's password is about to be.
NEXT_ROOT_PASSWORD = "db_root_password_next"
# One row, one column: what `accounts_digest` gives, once the accounts are those.
APPLIED_DIGEST = {
    "mariadb": "SELECT SCHEMA_COMMENT FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = DATABASE()",
    "postgresql": "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()",
}
_SCRAM_ITERATIONS = 4096


def accounts_sql(env: Environment, engine: str, values: Mapping[str, str]) -> str:
    """`values` are the environment's secrets."""
    statements = {"mariadb": _mariadb, "postgresql": _postgresql}[engine](env, values)
    mark = {
        "mariadb": f"ALTER DATABASE `{env.database}` COMMENT = '{{}}'",
        "postgresql": f"COMMENT ON DATABASE {env.database} IS '{{}}'",
    }[engine]
    statements.append(mark.format(_digest(statements)))
    return "".join(f"{statement};\n" for statement in statements)


def administrator_sql(values: Mapping[str, str]) -> str:
    """Gives a MariaDB its administrator's password whenever it starts: data of before a rotation, as in a backup, have that of their time.

    Nothing of it gets into the binary log. A server that cannot write it starts all the same.
    """
    statement = f"BEGIN NOT ATOMIC DECLARE CONTINUE HANDLER FOR SQLEXCEPTION BEGIN END; {_mariadb_administrator(values)}; END"
    return f"SET sql_log_bin = 0;\n{statement};\n"


def accounts_digest(sql: str) -> str:
    """Of what `accounts_sql` gave."""
    return _digest([line.removesuffix(";") for line in sql.splitlines()[:-1]])


def _digest(statements: list[str]) -> str:
    return "accounts " + hashlib.sha256("\n".join(statements).encode()).hexdigest()[:16]


def _passwords(env: Environment, values: Mapping[str, str]) -> dict[str, str]:
    return {
        MIGRATE_USER: values["db_migrate_password"],
        env.database_user: values["db_app_password"],
        BACKUP_USER: values["db_backup_password"],
        MONITOR_USER: values["db_monitor_password"],
        REPLICA_USER: values["db_replica_password"],
    }


def _mariadb(env: Environment, values: Mapping[str, str]) -> list[str]:
    # In a grant an underscore stands for any character unless it is escaped.
    database = "`{}`.*".format(env.database.replace("_", r"\_"))
    rights = {
        MIGRATE_USER: [("ALL PRIVILEGES", database)],
        env.database_user: [("SELECT, INSERT, UPDATE, DELETE", database)],
        BACKUP_USER: [
            # It purges what is archived. Without BINLOG ADMIN it still could, by RESET MASTER: that goes with RELOAD, which a backup needs.
            ("RELOAD, PROCESS, LOCK TABLES, BINLOG MONITOR, BINLOG ADMIN, SLAVE MONITOR, REPLICATION SLAVE", "*.*"),
            ("SELECT, SHOW VIEW, TRIGGER, EVENT", database),
        ],
        # Nothing that shows statements: they have the rows' values in them. How much is going on everybody may ask.
        MONITOR_USER: [("SLAVE MONITOR", "*.*")],
        REPLICA_USER: [("REPLICATION SLAVE", "*.*")],
    }
    # Data of before have them in Aria, whose log is never encrypted and would keep the hash of each password.
    statements = [f"ALTER TABLE mysql.{table} ENGINE=InnoDB" for table in ("global_priv", "db", "proxies_priv")]
    statements.append(_mariadb_administrator(values))
    for user, password in _passwords(env, values).items():
        account = f"'{user}'@'%'"
        login = f"IDENTIFIED VIA mysql_native_password USING '{_native_verifier(password)}' REQUIRE SSL"
        statements += [f"CREATE USER IF NOT EXISTS {account} {login}", f"ALTER USER {account} {login}"]
        statements += [f"GRANT {privileges} ON {place} TO {account}" for privileges, place in rights[user]]
    return statements


def _mariadb_administrator(values: Mapping[str, str]) -> str:
    """While its password is rotated, both are taken."""
    passwords = [values[name] for name in ("db_root_password", NEXT_ROOT_PASSWORD) if name in values]
    ways = " OR ".join(f"mysql_native_password USING '{_native_verifier(password)}'" for password in passwords)
    return f"ALTER USER root@localhost IDENTIFIED VIA {ways}"


def _postgresql(env: Environment, values: Mapping[str, str]) -> list[str]:
    migrate, app, database = MIGRATE_USER, env.database_user, env.database
    # Nobody logs in with it: this account comes by the local socket alone, where the system's user counts.
    statements = [f"ALTER ROLE postgres PASSWORD '{_scram_verifier('postgres', values['db_root_password'])}'"]
    for role, password in _passwords(env, values).items():
        attributes = "LOGIN REPLICATION" if role == REPLICA_USER else "LOGIN"
        exists = f"EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}')"
        statements += [
            f"DO $$ BEGIN IF NOT {exists} THEN CREATE ROLE {role} {attributes}; END IF; END $$",
            f"ALTER ROLE {role} PASSWORD '{_scram_verifier(role, password)}'",
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


def _since_17(statement: str) -> str:
    known = "current_setting('server_version_num')::int >= 170000"
    return f"DO $$ BEGIN IF {known} THEN EXECUTE '{statement}'; END IF; END $$"


def _native_verifier(password: str) -> str:
    # The protocol's own algorithm; a random password of 32 characters makes up for it.
    return "*" + hashlib.sha1(hashlib.sha1(password.encode()).digest()).hexdigest().upper()


def _scram_verifier(role: str, password: str) -> str:
    """RFC 5803. The salt follows from the password, so that the same password gives the same SQL."""
    salt = hmac.digest(password.encode(), f"salt of {role}".encode(), "sha256")[:16]
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _SCRAM_ITERATIONS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    shown = (base64.b64encode(value).decode() for value in (salt, stored, server))
    return "SCRAM-SHA-256${}:{}${}:{}".format(_SCRAM_ITERATIONS, *shown)
