"""Keeps everybody from writing into a database: the accounts that could are locked, and their connections ended."""

from __future__ import annotations

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.base.waiting import wait_until
from ansible_collections.echobase.platform.plugins.module_utils.database.console import ServerConsole
from ansible_collections.echobase.platform.plugins.module_utils.environment.database_places import MIGRATE_USER
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment

_PATIENCE_SECONDS = 30.0


class WriterFence:
    def __init__(self, env: Environment, console: ServerConsole) -> None:
        self._console = console
        self._statements = console.engine.statements
        self._writers = (env.database_user, MIGRATE_USER)

    def close(self) -> None:
        self._ask(self._statements.lock_writers)
        if not wait_until(self._no_writer_is_left, _PATIENCE_SECONDS, interval=0.1):
            raise Refusal(
                f"connections of {' and '.join(self._writers)} to {self._console.container} did not end within {_PATIENCE_SECONDS:.0f} s",
                f"see docker logs {self._console.container} and end what they do, then run this again",
            )

    def _no_writer_is_left(self) -> bool:
        if self._ask(self._statements.count_writers) == [["0"]]:
            return True
        self._ask(self._statements.disconnect_writers)
        return False

    def open(self) -> None:
        """Lets writers in again. Restored data may have older accounts and passwords, so they get those of now first."""
        self._console.apply_accounts()
        self._ask(self._statements.unlock_writers)

    def _ask(self, statement: str) -> list[list[str]]:
        return self._console.query(statement.format(*self._writers))
