"""The accounts of a durable MariaDB."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import ClassVar

from ansible_collections.echobase.platform.plugins.module_utils.database.accounts import (
    BACKUP_USER,
    MONITOR_USER,
    NEXT_ROOT_PASSWORD,
    REPLICA_USER,
    DatabaseAccounts,
    account_passwords,
)
from ansible_collections.echobase.platform.plugins.module_utils.environment.database_places import MIGRATE_USER
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment


class MariadbAccounts(DatabaseAccounts):
    file: ClassVar[str] = "init.sql"
    applied_digest: ClassVar[str] = "SELECT SCHEMA_COMMENT FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = DATABASE()"

    def _statements(self, env: Environment, values: Mapping[str, str]) -> list[str]:
        # In a grant an underscore stands for any character unless it is escaped.
        database = "`{}`.*".format(env.database.replace("_", r"\_"))
        rights = {
            MIGRATE_USER: [("ALL PRIVILEGES", database)],
            env.database_user: [("SELECT, INSERT, UPDATE, DELETE", database)],
            BACKUP_USER: [
                # It purges what is archived. Without BINLOG ADMIN it still could, by RESET MASTER, which the RELOAD of a backup permits.
                ("RELOAD, PROCESS, LOCK TABLES, BINLOG MONITOR, BINLOG ADMIN, SLAVE MONITOR, REPLICATION SLAVE", "*.*"),
                ("SELECT, SHOW VIEW, TRIGGER, EVENT", database),
            ],
            # It may see nothing that shows statements: they have the rows' values in them. Everybody may ask how much is going on.
            MONITOR_USER: [("SLAVE MONITOR", "*.*")],
            REPLICA_USER: [("REPLICATION SLAVE", "*.*")],
        }
        # Older data have them in Aria, whose log is never encrypted and would keep the hash of each password.
        statements = [f"ALTER TABLE mysql.{table} ENGINE=InnoDB" for table in ("global_priv", "db", "proxies_priv")]
        statements.append(_administrator(values))
        for user, password in account_passwords(env, values).items():
            account = f"'{user}'@'%'"
            login = f"IDENTIFIED VIA mysql_native_password USING '{native_verifier(password)}' REQUIRE SSL"
            statements += [f"CREATE USER IF NOT EXISTS {account} {login}", f"ALTER USER {account} {login}"]
            statements += [f"GRANT {privileges} ON {place} TO {account}" for privileges, place in rights[user]]
        return statements

    def _mark(self, env: Environment, digest: str) -> str:
        return f"ALTER DATABASE `{env.database}` COMMENT = '{digest}'"


def administrator_sql(values: Mapping[str, str]) -> str:
    """SQL that a server executes whenever it starts: data from before a rotation, as in a backup, have the password of their time.

    Nothing of it gets into the binary log. A server that cannot write it starts all the same.
    """
    statement = f"BEGIN NOT ATOMIC DECLARE CONTINUE HANDLER FOR SQLEXCEPTION BEGIN END; {_administrator(values)}; END"
    return f"SET sql_log_bin = 0;\n{statement};\n"


def _administrator(values: Mapping[str, str]) -> str:
    """The statement that gives it its password; while that is rotated it has both."""
    passwords = [values[name] for name in ("db_root_password", NEXT_ROOT_PASSWORD) if name in values]
    ways = " OR ".join(f"mysql_native_password USING '{native_verifier(password)}'" for password in passwords)
    return f"ALTER USER root@localhost IDENTIFIED VIA {ways}"


def native_verifier(password: str) -> str:
    # The protocol's own algorithm; a random password of 32 characters makes up for it.
    return "*" + hashlib.sha1(hashlib.sha1(password.encode()).digest()).hexdigest().upper()
