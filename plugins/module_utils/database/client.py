"""An engine's own client programs, as they are called inside a container that has its server."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class DumpedDatabase:
    """A database on another server, as a client in a container of its own reaches it; the files are inside that container."""

    host: str
    port: int
    user: str
    name: str
    authority_file: str
    password_file: str


class DatabaseClient(ABC):
    # Prints everything as SQL; a dump without the trailer in its last lines was cut off.
    dump: ClassVar[Sequence[str]]
    dump_trailer: ClassVar[bytes]
    # Executes the SQL that it reads from its standard input.
    load: ClassVar[Sequence[str]]
    reload_certificate: ClassVar[str]

    @abstractmethod
    def as_root(self, *command: str) -> list[str]:
        """The command that runs a client as the account that may do everything."""

    @abstractmethod
    def query(self, database: str, sql: str) -> tuple[str, ...]:
        """A client that prints bare rows, columns apart by tabs."""

    @abstractmethod
    def execute_file(self, database: str, file: str) -> tuple[str, ...]:
        """A client that executes the SQL in that file, or fails."""

    @abstractmethod
    def dump_from(self, there: DumpedDatabase) -> list[str]:
        """A command that prints that one database as SQL, in one moment of it; without owners and rights, which a copy has of its own."""

    @abstractmethod
    def load_as(self, owner: str, database: str) -> list[str]:
        """A client that executes the SQL that it reads, so that whatever it makes is `owner`'s; it ends at the first error."""

    @abstractmethod
    def log_in(self, user: str, database: str) -> tuple[str, ...]:
        """A client that logs in over TLS with the password that it reads from its standard input."""
