"""Nobody writes into a database: the accounts that could are locked, their connections ended."""

from __future__ import annotations

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.base.waiting import wait_until
from ansible_collections.echobase.platform.plugins.module_utils.database.accounts import MIGRATE_USER
from ansible_collections.echobase.platform.plugins.module_utils.database.console import ServerConsole
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment

_PATIENCE_SECONDS = 30.0
# Not in the binary log of MariaDB: a restore of the log shall lock nobody out.
_LOCK = {
    "mariadb": "SET sql_log_bin = 0; ALTER USER '{0}'@'%' ACCOUNT LOCK; ALTER USER '{1}'@'%' ACCOUNT LOCK",
    "postgresql": "ALTER ROLE {0} NOLOGIN; ALTER ROLE {1} NOLOGIN",
}
_UNLOCK = {
    "mariadb": "SET sql_log_bin = 0; ALTER USER '{0}'@'%' ACCOUNT UNLOCK; ALTER USER '{1}'@'%' ACCOUNT UNLOCK",
    "postgresql": "ALTER ROLE {0} LOGIN; ALTER ROLE {1} LOGIN",
}
_END = {
    "mariadb": "KILL USER '{0}'@'%'; KILL USER '{1}'@'%'",
    "postgresql": "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename IN ('{0}', '{1}')",
}
_COUNT = {
    "mariadb": "SELECT COUNT(*) FROM information_schema.processlist WHERE user IN ('{0}', '{1}')",
    "postgresql": "SELECT count(*) FROM pg_stat_activity WHERE usename IN ('{0}', '{1}')",
}


class WriterFence:
    def __init__(self, env: Environment, console: ServerConsole) -> None:
        self._console = console
        self._writers = (env.database_user, MIGRATE_USER)

    def close(self) -> None:
        self._tell(_LOCK)
        if not wait_until(self._no_writer_is_left, _PATIENCE_SECONDS, interval=0.1):
            raise Refusal(
                f"connections of {' and '.join(self._writers)} to {self._console.container} do not end",
                "look what they do, end them, then run this again",
            )

    def _no_writer_is_left(self) -> bool:
        if self._tell(_COUNT) == [["0"]]:
            return True
        self._tell(_END)
        return False

    def open(self) -> None:
        """Restored data may have accounts and passwords of before: they get those of now."""
        self._console.apply_accounts()
        self._tell(_UNLOCK)

    def _tell(self, statements: dict[str, str]) -> list[list[str]]:
        return self._console.query(statements[self._console.engine].format(*self._writers))
