"""What differs between the database engines: how to connect, which failures pass, and how one process at a time is let in."""

from __future__ import annotations

import ssl
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import URL, Connection, text

from orders.settings import DatabaseSettings

_CONNECT_SECONDS = 3
ANSWER_SECONDS = 15
_LOCK_SECONDS = 5
_SECONDS_BETWEEN_TRIES = 0.1


class DatabaseEngine(ABC):
    @abstractmethod
    def url(self, settings: DatabaseSettings) -> URL: ...

    @abstractmethod
    def connect_options(self, ca_file: Path, answer_seconds: int | None = ANSWER_SECONDS) -> dict[str, Any]:
        """TLS that is verified, and an end to every wait; None is for statements that may take any time."""

    @abstractmethod
    def is_passing(self, error: BaseException | None) -> bool:
        """Whether the error is worth another try, since it may be different in a moment."""

    @abstractmethod
    def is_access_denied(self, error: BaseException) -> bool: ...

    @abstractmethod
    def is_lock_timeout(self, error: BaseException | None) -> bool: ...

    @abstractmethod
    def take_lock(self, connection: Connection, name: str, seconds: int) -> bool:
        """The lock is the server's: it goes with the connection, however this process ends."""

    @abstractmethod
    def release_lock(self, connection: Connection, name: str) -> None: ...

    @abstractmethod
    def limit_schema_waits(self, connection: Connection, seconds: int) -> None:
        """A change of a table that waits for others' transactions any longer gives way."""


class MariaDb(DatabaseEngine):
    # Lock wait timeout, deadlock, too many connections, shutting down, read-only, aborted; access denied, as while a password changes.
    _PASSING = frozenset({1205, 1213, 1040, 1203, 1053, 1290, 1317, 1927, 1969, 1045})
    # The client library says these itself: nobody listens, the connection broke.
    _AWAY = frozenset({2002, 2003, 2006, 2013, 2014, 2055})
    _ACCESS_DENIED = 1045
    _LOCK_TIMEOUT = 1205

    def url(self, settings: DatabaseSettings) -> URL:
        return URL.create("mariadb+pymysql", settings.user, None, settings.host, settings.port, settings.name, {"charset": "utf8mb4"})

    def connect_options(self, ca_file: Path, answer_seconds: int | None = ANSWER_SECONDS) -> dict[str, Any]:
        return {
            "ssl": ssl.create_default_context(cafile=str(ca_file)),
            "connect_timeout": _CONNECT_SECONDS,
            "read_timeout": answer_seconds,
            "write_timeout": ANSWER_SECONDS,
            "init_command": f"SET time_zone = '+00:00', innodb_lock_wait_timeout = {_LOCK_SECONDS}, lock_wait_timeout = {_LOCK_SECONDS}",
        }

    def is_passing(self, error: BaseException | None) -> bool:
        return self._number(error) in self._PASSING | self._AWAY

    def is_access_denied(self, error: BaseException) -> bool:
        return self._number(error) == self._ACCESS_DENIED

    def is_lock_timeout(self, error: BaseException | None) -> bool:
        return self._number(error) == self._LOCK_TIMEOUT

    def take_lock(self, connection: Connection, name: str, seconds: int) -> bool:
        return bool(connection.scalar(text("SELECT GET_LOCK(:name, :wait)"), {"name": name, "wait": seconds}))

    def release_lock(self, connection: Connection, name: str) -> None:
        connection.execute(text("SELECT RELEASE_LOCK(:name)"), {"name": name})

    def limit_schema_waits(self, connection: Connection, seconds: int) -> None:
        connection.execute(text("SET lock_wait_timeout = :wait"), {"wait": seconds})

    def _number(self, error: BaseException | None) -> int:
        """Gives MariaDB's number of the error, which PyMySQL puts first."""
        first = error.args[0] if error is not None and error.args else 0
        return first if isinstance(first, int) else 0


class PostgreSql(DatabaseEngine):
    # Serialisation, deadlock, lock timeout, statement timeout, too many connections, read-only, and a server that comes or goes.
    _PASSING = frozenset({"40001", "40P01", "55P03", "57014", "53300", "25006", "57P01", "57P02", "57P03"})
    _ACCESS_DENIED = frozenset({"28P01", "28000"})
    _LOCK_TIMEOUT = "55P03"

    def url(self, settings: DatabaseSettings) -> URL:
        return URL.create("postgresql+psycopg", settings.user, None, settings.host, settings.port, settings.name)

    def connect_options(self, ca_file: Path, answer_seconds: int | None = ANSWER_SECONDS) -> dict[str, Any]:
        session = {
            "timezone": "UTC",
            "lock_timeout": f"{_LOCK_SECONDS}s",
            "statement_timeout": f"{answer_seconds or 0}s",
            "idle_in_transaction_session_timeout": "60s",
        }
        return {
            "sslmode": "verify-full",
            "sslrootcert": str(ca_file),
            "ssl_min_protocol_version": "TLSv1.2",
            "connect_timeout": _CONNECT_SECONDS,
            # A server that vanished without a word is noticed as soon as one that is slow.
            "tcp_user_timeout": ANSWER_SECONDS * 1000,
            "options": " ".join(f"-c {name}={value}" for name, value in session.items()),
        }

    def is_passing(self, error: BaseException | None) -> bool:
        state = self._state(error)
        # Class 08 and no state at all: the connection could not be had, or broke.
        return state in self._PASSING or state.startswith("08") or (not state and isinstance(error, psycopg.OperationalError))

    def is_access_denied(self, error: BaseException) -> bool:
        # A server that refuses a connection gives psycopg only its words.
        return self._state(error) in self._ACCESS_DENIED or "password authentication failed" in str(error)

    def is_lock_timeout(self, error: BaseException | None) -> bool:
        return self._state(error) == self._LOCK_TIMEOUT

    def take_lock(self, connection: Connection, name: str, seconds: int) -> bool:
        # The lock is asked for again and again. Waiting for it inside the server takes a transaction, and its holder's CREATE INDEX
        # CONCURRENTLY would wait for that.
        deadline = time.monotonic() + seconds
        while not connection.scalar(text("SELECT pg_try_advisory_lock(hashtextextended(:name, 0))"), {"name": name}):
            connection.commit()
            if time.monotonic() > deadline:
                return False
            time.sleep(_SECONDS_BETWEEN_TRIES)
        connection.commit()
        return True

    def release_lock(self, connection: Connection, name: str) -> None:
        connection.execute(text("SELECT pg_advisory_unlock(hashtextextended(:name, 0))"), {"name": name})
        connection.commit()

    def limit_schema_waits(self, connection: Connection, seconds: int) -> None:
        connection.execute(text(f"SET lock_timeout = '{int(seconds)}s'"))
        # What a table takes to be changed is not known beforehand.
        connection.execute(text("SET statement_timeout = 0"))

    def _state(self, error: BaseException | None) -> str:
        return str(getattr(error, "sqlstate", None) or "")


ENGINES: dict[str, DatabaseEngine] = {"mariadb": MariaDb(), "postgresql": PostgreSql()}


def engine_of(error: BaseException | None) -> DatabaseEngine:
    """Gives the engine whose driver raised the error."""
    return ENGINES["postgresql" if isinstance(error, psycopg.Error) else "mariadb"]
