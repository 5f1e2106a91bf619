"""A login to PostgreSQL over verified TLS."""

from __future__ import annotations

import socket
import ssl
import struct
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.base.python_packages import missing_package
from ansible_collections.echobase.platform.plugins.module_utils.database.login import (
    AccessDeniedError,
    CertificateRejectedError,
    DatabaseLogin,
    Login,
    NotReadyError,
)
from ansible_collections.echobase.platform.plugins.module_utils.engines.postgresql.accounts import PostgresAccounts

# The client library passes on only the server's words, not its code.
_ACCESS_DENIED = ("password authentication failed", "pg_hba.conf", "is not permitted to log in", "permission denied", "does not exist")
# A client of this protocol sends this before it talks TLS: a length and a magic number.
_TLS_REQUEST = struct.pack("!ii", 8, 80877103)


class PostgresLogin(DatabaseLogin):
    def _log_in(self, password: str, context: ssl.SSLContext, timeout: int) -> Login:
        certificate = self._certificate(context, timeout)
        with self._connect(password, context, timeout) as connection:
            row = connection.execute(
                "SELECT current_setting('server_version'), (SELECT cipher FROM pg_stat_ssl WHERE pid = pg_backend_pid()),"
                f" ({PostgresAccounts.applied_digest})"
            ).fetchone()
        version, cipher, accounts = row or ("", "", "")
        return Login(version.partition(" ")[0], cipher, certificate, accounts or "")

    def _connect(self, password: str, context: ssl.SSLContext, timeout: int) -> Any:
        try:
            import psycopg  # noqa: PLC0415 - its absence is a user's error, not a traceback
        except ImportError as error:
            raise missing_package("psycopg") from error
        try:
            return psycopg.connect(
                host=self.host,
                hostaddr=self.address or None,
                port=self.port,
                user=self.user,
                password=password,
                dbname=self.database,
                sslmode="verify-full",
                sslrootcert=self.ca_file,
                connect_timeout=timeout,
                options=f"-c statement_timeout={timeout}s",
                autocommit=True,
            )
        except psycopg.OperationalError as error:
            raise _failure(str(error)) from error

    def _driver_error(self) -> type[Exception]:
        import psycopg  # noqa: PLC0415 - as above

        return psycopg.Error

    def _certificate(self, context: ssl.SSLContext, timeout: int) -> bytes:
        """This takes a connection of its own: the client library does not tell which certificate it verified."""
        try:
            with socket.create_connection((self.address or self.host, self.port), timeout) as plain:
                plain.sendall(_TLS_REQUEST)
                if plain.recv(1) != b"S":
                    raise NotReadyError("it does not speak TLS")
                with context.wrap_socket(plain, server_hostname=self.host) as encrypted:
                    return encrypted.getpeercert(binary_form=True) or b""
        except ssl.SSLCertVerificationError as error:
            raise CertificateRejectedError(str(error)) from error
        except OSError as error:
            raise NotReadyError(str(error)) from error


def _failure(text: str) -> Exception:
    if "certificate verify failed" in text or "does not match host name" in text:
        return CertificateRejectedError(text.strip().replace("\n", " "))
    words = text.strip().rpartition("FATAL:")[2].strip().replace("\n", " ")
    return AccessDeniedError(words) if any(sign in words for sign in _ACCESS_DENIED) else NotReadyError(words)
