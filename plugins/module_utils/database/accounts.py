"""Who may log in to a durable database, and what each may do: SQL that makes it so on a new database as on one that is in use.

It holds verifiers of the passwords and never a password, so that neither a log nor an error can tell one. Its last statement writes its
digest beside the application's database, where every login can read which accounts are there. Each statement is one line: a server that
starts for the first time reads it so. Nothing is revoked from an account on the way, since the application works meanwhile.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from ansible_collections.echobase.platform.plugins.module_utils.environment.database_places import MIGRATE_USER
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment

BACKUP_USER = "backup_user"
MONITOR_USER = "monitor_user"
REPLICA_USER = "replica_user"
# The name of the secret with the password that the administrator is about to get.
NEXT_ROOT_PASSWORD = "db_root_password_next"


class DatabaseAccounts(ABC):
    # The name of the file in `secrets/db` that has the SQL.
    file: ClassVar[str]
    # SQL: one row with one column, what `accounts_digest` gives once the accounts are those.
    applied_digest: ClassVar[str]

    def sql(self, env: Environment, values: Mapping[str, str]) -> str:
        """`values` are the environment's secrets."""
        statements = self._statements(env, values)
        statements.append(self._mark(env, _digest(statements)))
        return "".join(f"{statement};\n" for statement in statements)

    @abstractmethod
    def _statements(self, env: Environment, values: Mapping[str, str]) -> list[str]: ...

    @abstractmethod
    def _mark(self, env: Environment, digest: str) -> str:
        """The statement that writes the digest where `applied_digest` finds it."""


def accounts_digest(sql: str) -> str:
    """The digest that `DatabaseAccounts.sql` wrote into its last line."""
    return _digest([line.removesuffix(";") for line in sql.splitlines()[:-1]])


def account_passwords(env: Environment, values: Mapping[str, str]) -> dict[str, str]:
    """The password of each account; every engine has these accounts."""
    return {
        MIGRATE_USER: values["db_migrate_password"],
        env.database_user: values["db_app_password"],
        BACKUP_USER: values["db_backup_password"],
        MONITOR_USER: values["db_monitor_password"],
        REPLICA_USER: values["db_replica_password"],
    }


def _digest(statements: list[str]) -> str:
    return "accounts " + hashlib.sha256("\n".join(statements).encode()).hexdigest()[:16]
