"""An engine's own client programs, as they are called inside a container that has its server."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar


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
    def log_in(self, user: str, database: str) -> tuple[str, ...]:
        """A client that logs in over TLS with the password that it reads from its standard input."""
