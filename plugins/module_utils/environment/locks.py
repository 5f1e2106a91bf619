"""Every lock there is: what it guards, where it lies, and in which order locks are taken.

Two runs that take two locks, each beginning with another one, wait for each other for ever. So whoever holds a lock takes only those that
stand below it in `_ORDER`. The first test that comes along a wrong way fails at once (`STRICT`); a user's run goes on, since a wrong order
harms it only if another run does the opposite at the same moment.

Locks of names that the whole machine has in common (containers, volumes, networks) lie in /run/lock: they hold across checkouts and
state folders. Locks of files lie beside the files.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from ansible_collections.echobase.platform.plugins.module_utils.base.file_lock import exclusive
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment

_OF_THE_MACHINE = Path("/run/lock")
_LEASE_PATIENCE_SECONDS = 30
# The lock that stands first is taken first.
_ORDER = (
    "python",
    "programs",
    "images",
    "networks",
    "container",
    "durable work",
    "trial",
    "backup repository",
    "database server",
    "encrypted folder",
    "certificates",
    "secrets",
    "lease",
    "routing table",
    "ledger",
)
# An environment variable, so that modules in processes of their own have it from the tests that start them.
STRICT = "ECHOBASE_STRICT_LOCK_ORDER"
_held = threading.local()


def python_lock() -> AbstractContextManager[None]:
    """Nobody else makes the Python that modules run with on this machine."""
    return _taken("python", _machines("python"))


def images_lock(file: Path, waiting: Callable[[], None]) -> AbstractContextManager[None]:
    """Nobody else builds images. `waiting` is called once if somebody does."""
    return _taken("images", file, waiting=waiting)


def programs_lock(file: Path, waiting: Callable[[], None]) -> AbstractContextManager[None]:
    """Nobody else compiles programs. That takes minutes, so images are built meanwhile. `waiting` is called once if somebody does."""
    return _taken("programs", file, waiting=waiting)


def networks_lock() -> AbstractContextManager[None]:
    """No other environment on this machine chooses or makes networks."""
    return _taken("networks", _machines("networks"))


def container_lock(container: str) -> AbstractContextManager[None]:
    """Nobody else makes, replaces or removes the container or what belongs to it."""
    return _taken("container", _machines(container))


def durable_work_lock(environment: str) -> AbstractContextManager[None]:
    """No other backup, restore, drill, upgrade, promotion or change of a key."""
    return _taken("durable work", _machines(f"{environment}-durable-backup"))


def trial_lock(environment: str) -> AbstractContextManager[None]:
    """One trial server at a time, so that what is in its way was left by one that died."""
    return _taken("trial", _machines(f"{environment}-durable-trial"))


def backup_repository_lock(environment: str) -> AbstractContextManager[None]:
    """Nobody else takes, restores or deletes MariaDB's backups; the archiver goes on. pgBackRest has a lock of its own."""
    return _taken("backup repository", _machines(f"{environment}-mariadb-backups"))


def database_server_lock(environment: str) -> AbstractContextManager[None]:
    """Nobody else makes, stops, replaces or removes a database server, nor changes which data it serves."""
    return _taken("database server", _machines(f"{environment}-durable-db"))


def encrypted_folder_lock(image: Path, service: str) -> AbstractContextManager[None]:
    """Nobody else makes, grows, mounts or unlocks the encrypted file system."""
    return _taken("encrypted folder", image.parent / f".{service}.lock")


def certificates_lock(home: Path) -> AbstractContextManager[None]:
    return _taken("certificates", home / ".tls.lock")


def secrets_lock(env: Environment) -> AbstractContextManager[None]:
    return _taken("secrets", Path(env.path(".secrets.lock")))


def lease_lock(env: Environment) -> AbstractContextManager[None]:
    """The lease's file is read and written. A run holds the lease itself much longer, and nobody waits for that here."""
    return _taken("lease", Path(env.path(".lease.lock")), patience=_LEASE_PATIENCE_SECONDS)


def routing_table_lock(routes: Path, patience: float) -> AbstractContextManager[None]:
    """Weights, claims and the fencing number are judged and changed."""
    return _taken("routing table", routes / ".lock", patience=patience)


def ledger_lock(ledger: Path) -> AbstractContextManager[None]:
    return _taken("ledger", ledger.with_name(".ledger.lock"))


def _machines(name: str) -> Path:
    return _OF_THE_MACHINE / f"echobase-{name}.lock"


@contextmanager
def _taken(name: str, file: Path, waiting: Callable[[], None] = lambda: None, patience: float | None = None) -> Iterator[None]:
    held: list[str] = _held.__dict__.setdefault("names", [])
    for other in held if STRICT in os.environ else ():
        if _ORDER.index(other) >= _ORDER.index(name):
            raise RuntimeError(f"the lock '{name}' is taken while '{other}' is held: environment/locks.py has the order")
    with exclusive(file, waiting=waiting, patience=patience):
        held.append(name)
        try:
            yield
        finally:
            held.remove(name)
