"""Connections to the durable database, and transactions that survive its short absences."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from orders.cloud import SecretSource
from orders.credentials import database_password
from orders.engine import ANSWER_SECONDS, ENGINES, engine_of
from orders.settings import DatabaseSettings
from orders.traced_transactions import TracedTransactions, WatchedTransaction

Answer = TypeVar("Answer")
_Connect = Callable[[], AbstractContextManager[Connection]]

_PATIENCE_SECONDS = 2.0
_FIRST_PAUSE_SECONDS = 0.02
_LONGEST_PAUSE_SECONDS = 1.0


class DatabaseAway(Exception):
    """The database did not answer, or not in time; nothing is known to be stored."""


class Database:
    """One pool of connections. The password is asked for again when the server no longer takes it."""

    def __init__(
        self, settings: DatabaseSettings, secrets: SecretSource, connections: int, answer_seconds: int | None = ANSWER_SECONDS
    ) -> None:
        self._settings = settings
        self._secrets = secrets
        self._kind = ENGINES[settings.engine]
        self._password: str | None = None
        self._password_lock = threading.Lock()
        self.engine = self._engine(connections, answer_seconds, isolation_level="READ COMMITTED")
        self._asking = self._engine(1, answer_seconds, isolation_level="AUTOCOMMIT", skip_autocommit_rollback=True)
        self._traced = TracedTransactions(self.engine, settings)

    def transaction(self, work: Callable[[Connection], Answer], patience: float = _PATIENCE_SECONDS) -> Answer:
        """Runs `work` in a transaction, again if the database was away or another transaction was in the way.

        The answer to a commit can get lost, so `work` must recognise what an earlier run of it has stored.
        """
        with self._traced.told():
            return self._again(self.engine.begin, work, patience)

    def ask(self, question: Callable[[Connection], Answer], patience: float = _PATIENCE_SECONDS) -> Answer:
        """One statement that changes nothing, without a transaction around it: one trip to the server, for what is asked all the time."""
        return self._again(self._asking.connect, question, patience)

    def watched(self) -> AbstractContextManager[WatchedTransaction]:
        """Watches the transaction within, for whoever knows only afterwards to which traces it belongs."""
        return self._traced.watched()

    def close(self) -> None:
        self.engine.dispose()
        self._asking.dispose()

    def _again(self, connect: _Connect, work: Callable[[Connection], Answer], patience: float) -> Answer:
        deadline = time.monotonic() + patience
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                with connect() as connection:
                    return work(connection)
            except (DBAPIError, PoolTimeoutError) as error:
                if not is_passing(error):
                    raise
                if time.monotonic() + pause > deadline:
                    raise DatabaseAway(str(getattr(error, "orig", None) or error)) from error
            time.sleep(pause * random.uniform(0.5, 1))
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)

    def _engine(self, connections: int, answer_seconds: int | None, **options: Any) -> Engine:
        settings = self._settings
        engine = create_engine(
            self._kind.url(settings),
            pool_size=connections,
            max_overflow=0,
            pool_timeout=3,
            # Most lost connections show when they are used, and the transaction runs again.
            pool_pre_ping=False,
            pool_use_lifo=True,
            # Every transaction ends before its connection goes back.
            pool_reset_on_return=None,
            # What a statement failed on is quoted by its error, and errors are logged.
            hide_parameters=True,
            connect_args=self._kind.connect_options(settings.ca_file, answer_seconds),
            **options,
        )
        event.listen(engine, "do_connect", self._connect)
        return engine

    def _connect(self, dialect: Any, record: Any, arguments: list[Any], options: dict[str, Any]) -> Any:
        password = self._known_password()
        try:
            return dialect.connect(*arguments, **options | {"password": password})
        except dialect.loaded_dbapi.OperationalError as error:
            if not self._kind.is_access_denied(error) or self._known_password(other_than=password) == password:
                raise
        return dialect.connect(*arguments, **options | {"password": self._known_password()})

    def _known_password(self, other_than: str | None = None) -> str:
        with self._password_lock:
            if self._password is None or self._password == other_than:
                self._password = database_password(self._settings, self._secrets)
            return self._password


def is_passing(error: Exception) -> bool:
    """Whether the error is worth another try, since it may be different in a moment."""
    if isinstance(error, PoolTimeoutError):
        return True
    return isinstance(error, DBAPIError) and (error.connection_invalidated or engine_of(error.orig).is_passing(error.orig))
