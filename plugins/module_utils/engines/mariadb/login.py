"""A login to MariaDB over verified TLS."""

from __future__ import annotations

import socket
import ssl
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.base.python_packages import missing_package
from ansible_collections.echobase.platform.plugins.module_utils.database.login import (
    AccessDeniedError,
    CertificateRejectedError,
    DatabaseLogin,
    Login,
    NotReadyError,
)
from ansible_collections.echobase.platform.plugins.module_utils.engines.mariadb.accounts import MariadbAccounts

# These mean: no right to the database, a wrong password, a locked account.
_ACCESS_DENIED = (1044, 1045, 4151)


class MariadbLogin(DatabaseLogin):
    def _log_in(self, password: str, context: ssl.SSLContext, timeout: int) -> Login:
        connection = self._connect(password, context, timeout)
        with connection, connection.cursor() as cursor:
            cursor.execute(f"SELECT VERSION(), ({MariadbAccounts.applied_digest})")
            version, accounts = cursor.fetchone()
            tls = connection._sock
            return Login(version.partition("-")[0], tls.cipher()[0], tls.getpeercert(binary_form=True), accounts or "")

    def _connect(self, password: str, context: ssl.SSLContext, timeout: int) -> Any:
        try:
            import pymysql  # noqa: PLC0415 - its absence is a user's error, not a traceback
        except ImportError as error:
            raise missing_package("PyMySQL") from error
        connection: Any = pymysql.connect(
            host=self.host,
            port=self.port,
            user=self.user,
            password=password,
            database=self.database,
            ssl=context,
            connect_timeout=timeout,
            read_timeout=timeout,
            autocommit=True,
            defer_connect=True,
        )
        try:
            connection.connect(self._socket(timeout))
        except pymysql.err.OperationalError as error:
            raise _failure(error) from error
        # To a server without TLS the client would speak in clear, and say nothing.
        if not isinstance(connection._sock, ssl.SSLSocket):
            connection.close()
            raise NotReadyError("it does not speak TLS")
        return connection

    def _socket(self, timeout: int) -> socket.socket | None:
        """The client takes the name for the certificate's and the address from one argument; here the address is another."""
        if not self.address:
            return None
        try:
            opened = socket.create_connection((self.address, self.port), timeout)
        except OSError as error:
            raise NotReadyError(f"{self.address}:{self.port}: {error}") from error
        opened.settimeout(None)
        return opened

    def _driver_error(self) -> type[Exception]:
        import pymysql  # noqa: PLC0415 - as above

        return pymysql.err.Error


def _failure(error: Exception) -> Exception:
    code, text = error.args[0], str(error.args[-1])
    if code in _ACCESS_DENIED:
        return AccessDeniedError(text)
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return CertificateRejectedError(text)
    return NotReadyError(text)
