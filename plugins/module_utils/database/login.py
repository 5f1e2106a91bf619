"""A login over verified TLS, as the application does it: the proof that a database serves."""

from __future__ import annotations

import ssl
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment


@dataclass(frozen=True)
class Login:
    version: str
    tls_cipher: str
    # This is the certificate that the server showed, in DER form.
    certificate: bytes
    # This is the digest of the accounts that were applied last; it is empty where none ever were.
    accounts: str = ""


class NotReadyError(Exception):
    """It does not serve yet; waiting may help."""


class CertificateRejectedError(NotReadyError):
    """The server shows a certificate that the environment's CA does not vouch for."""


class AccessDeniedError(Exception):
    """It serves, but not us; waiting does not help."""


class StatementError(Exception):
    """The server refused a statement, in its own words."""


@dataclass(frozen=True)
class DatabaseSession:
    connection: Any
    error: type[Exception]

    def query(self, sql: str) -> list[list[str]]:
        """The rows, each value as text."""
        try:
            with self.connection.cursor() as cursor:
                cursor.execute(sql)
                rows = cursor.fetchall() if cursor.description else []
        except self.error as error:
            raise StatementError(str(error.args[-1] if error.args else error).strip().splitlines()[0]) from error
        return [["" if value is None else str(value) for value in row] for row in rows]


@dataclass(frozen=True)
class DatabaseLogin(ABC):
    host: str
    port: int
    user: str
    database: str
    password_file: str
    ca_file: str
    # Where the host's name leads, if nobody is to be asked. The certificate has to have the name all the same.
    address: str = ""
    # Whoever has it at hand gives it here, and no file.
    password: str = field(default="", repr=False)

    @classmethod
    def of_application(cls, env: Environment, port: int) -> Self:
        return cls(
            host="127.0.0.1",
            port=port,
            user=env.database_user,
            database=env.database,
            password_file=env.path("secrets", "app", "db_password"),
            ca_file=env.path("tls", "ca.crt"),
        )

    def attempt(self, timeout: int = 5) -> Login:
        return self._log_in(*self._credentials(), timeout)

    @contextmanager
    def session(self, timeout: int = 5) -> Iterator[DatabaseSession]:
        """Each statement commits by itself."""
        connection = self._connect(*self._credentials(), timeout)
        with connection:
            yield DatabaseSession(connection, self._driver_error())

    def _credentials(self) -> tuple[str, ssl.SSLContext]:
        try:
            password = self.password or Path(self.password_file).read_text().strip()
            context = ssl.create_default_context(cafile=self.ca_file)
        except FileNotFoundError as error:
            raise AccessDeniedError(f"{error.filename or self.ca_file} does not exist") from error
        except ssl.SSLError as error:
            raise AccessDeniedError(f"{self.ca_file} holds no certificates: {error.reason}") from error
        return password, context

    @abstractmethod
    def _log_in(self, password: str, context: ssl.SSLContext, timeout: int) -> Login: ...

    @abstractmethod
    def _connect(self, password: str, context: ssl.SSLContext, timeout: int) -> Any:
        """A connection as Python's database interface has it, which closes with its block."""

    @abstractmethod
    def _driver_error(self) -> type[Exception]: ...
