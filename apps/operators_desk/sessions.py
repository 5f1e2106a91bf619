"""Who is logged in. Kept on disk, so that it survives a restart; of a session's id only the hash is kept."""

from __future__ import annotations

import hashlib
import logging
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

log = logging.getLogger("operators_desk")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS sessions (
    id_hash TEXT PRIMARY KEY, operator TEXT NOT NULL, credential TEXT NOT NULL, begun REAL NOT NULL, used REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS familiar_addresses (
    operator TEXT NOT NULL, address TEXT NOT NULL, seen REAL NOT NULL, PRIMARY KEY (operator, address)
) WITHOUT ROWID;
"""
# How exactly the idle time is known; each finer step would be a write for every request.
_USED_STEP = 60.0
_FAMILIAR_SECONDS = 30 * 86400.0
_FAMILIAR_STEP = 86400.0


@dataclass(frozen=True)
class Session:
    operator: str
    # Tells whether the password is still the one that was given.
    credential: str


class Sessions:
    def __init__(self, file: Path, longest: float, longest_idle: float, clock: Callable[[], float] = time.time) -> None:
        self._longest = longest
        self._longest_idle = longest_idle
        self._used_step = min(_USED_STEP, longest_idle / 10)
        self._clock = clock
        self._lock = threading.Lock()
        self._database = _opened(file)

    def begin(self, session: Session, address: str) -> str:
        """Begins a session and gives its id. The address is familiar from now on."""
        session_id = secrets.token_urlsafe(32)
        now = self._clock()
        with self._lock, self._database:
            self._database.execute("DELETE FROM sessions WHERE begun <= ? OR used <= ?", (now - self._longest, now - self._longest_idle))
            self._database.execute("DELETE FROM familiar_addresses WHERE seen <= ?", (now - _FAMILIAR_SECONDS,))
            self._database.execute(
                "INSERT INTO sessions VALUES (?, ?, ?, ?, ?)", (_hash(session_id), session.operator, session.credential, now, now)
            )
            self._database.execute("INSERT OR REPLACE INTO familiar_addresses VALUES (?, ?, ?)", (session.operator, address, now))
        return session_id

    def find(self, session_id: str) -> Session | None:
        """Gives a session and counts as its use; None if there is no such session, or it has expired."""
        now = self._clock()
        with self._lock:
            row = self._database.execute(
                "SELECT operator, credential, begun, used FROM sessions WHERE id_hash = ?", (_hash(session_id),)
            ).fetchone()
            if row is None:
                return None
            operator, credential, begun, used = row
            if now - begun >= self._longest or now - used >= self._longest_idle:
                return None
            if now - used >= self._used_step:
                self._touch(session_id, now)
        return Session(operator, credential)

    def end(self, session_id: str) -> None:
        with self._lock, self._database:
            self._database.execute("DELETE FROM sessions WHERE id_hash = ?", (_hash(session_id),))

    def end_outdated(self, credentials: Mapping[str, str]) -> None:
        """Ends the sessions of operators whose account or password is another one, for good: also if the former password comes back."""
        with self._lock:
            begun = self._database.execute("SELECT DISTINCT operator, credential FROM sessions").fetchall()
            outdated = [row for row in begun if credentials.get(row[0]) != row[1]]
            if not outdated:
                return
            try:
                with self._database:
                    self._database.executemany("DELETE FROM sessions WHERE operator = ? AND credential = ?", outdated)
            except sqlite3.OperationalError as error:
                # They are refused all the same while the password is another one.
                log.warning("the sessions of accounts that changed could not be deleted: %s", error)
                return
        for operator in sorted({operator for operator, _ in outdated}):
            log.info("the sessions of %s have ended: the account or its password changed", operator)

    def is_familiar(self, operator: str, address: str) -> bool:
        with self._lock:
            found = self._database.execute(
                "SELECT 1 FROM familiar_addresses WHERE operator = ? AND address = ? AND seen > ?",
                (operator, address, self._clock() - _FAMILIAR_SECONDS),
            ).fetchone()
        return found is not None

    def make_familiar(self, operator: str, address: str) -> None:
        """Remembers the address of a program, which begins no session. It comes often, so this is written down once a day."""
        now = self._clock()
        with self._lock:
            row = self._database.execute(
                "SELECT seen FROM familiar_addresses WHERE operator = ? AND address = ?", (operator, address)
            ).fetchone()
            if row is not None and now - row[0] < _FAMILIAR_STEP:
                return
            try:
                with self._database:
                    self._database.execute("INSERT OR REPLACE INTO familiar_addresses VALUES (?, ?, ?)", (operator, address, now))
            except sqlite3.OperationalError as error:
                log.warning("a familiar address could not be noted: %s", error)

    def close(self) -> None:
        self._database.close()

    def _touch(self, session_id: str, now: float) -> None:
        try:
            with self._database:
                self._database.execute("UPDATE sessions SET used = ? WHERE id_hash = ?", (now, _hash(session_id)))
        except sqlite3.OperationalError as error:
            # A full disk must not lock out those who come to mend it.
            log.warning("the use of a session could not be noted: %s", error)


def _hash(session_id: str) -> str:
    return hashlib.sha256(session_id.encode()).hexdigest()


def _opened(file: Path) -> sqlite3.Connection:
    try:
        return _connected(file)
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode not in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
            raise
        log.error("%s is damaged (%s): begun anew, everybody has to log in again", file, error)
        for path in (file, file.with_name(f"{file.name}-journal")):
            path.unlink(missing_ok=True)
        return _connected(file)


def _connected(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(file, check_same_thread=False, timeout=5)
    try:
        connection.executescript(_SCHEMA)
    except sqlite3.Error:
        connection.close()
        raise
    file.chmod(0o600)
    return connection
