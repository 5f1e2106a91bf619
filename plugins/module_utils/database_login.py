"""A login over verified TLS, as the application does it: the proof that a database serves."""

from __future__ import annotations

import ssl
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.errors import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.topology import Environment

_ACCESS_DENIED = (1044, 1045)


@dataclass(frozen=True)
class Login:
    version: str
    tls_cipher: str
    # The certificate the server showed, in DER form.
    certificate: bytes


class NotReadyError(Exception):
    """It does not serve yet; waiting may help."""


class CertificateRejectedError(NotReadyError):
    """The server shows a certificate that the environment's CA does not vouch for."""


class AccessDeniedError(Exception):
    """It serves, but not us; waiting does not help."""


@dataclass(frozen=True)
class DatabaseLogin:
    host: str
    port: int
    user: str
    database: str
    password_file: str
    ca_file: str

    @classmethod
    def of_application(cls, env: Environment) -> DatabaseLogin:
        return cls(
            host="127.0.0.1",
            port=env.mariadb_port,
            user=env.database_user,
            database=env.database,
            password_file=env.path("secrets", "app", "db_password"),
            ca_file=env.path("tls", "ca.crt"),
        )

    def attempt(self, timeout: int = 5) -> Login:
        try:
            import pymysql  # noqa: PLC0415 - its absence is a user's error, not a traceback
        except ImportError as error:
            raise Refusal(f"{sys.executable} has no Python package PyMySQL", "pip install -r requirements.txt") from error
        try:
            password = Path(self.password_file).read_text().strip()
            context = ssl.create_default_context(cafile=self.ca_file)
        except FileNotFoundError as error:
            raise AccessDeniedError(f"{error.filename or self.ca_file} does not exist") from error
        try:
            connection: Any = pymysql.connect(
                host=self.host,
                port=self.port,
                user=self.user,
                password=password,
                database=self.database,
                ssl=context,
                connect_timeout=timeout,
                read_timeout=timeout,
            )
        except pymysql.err.OperationalError as error:
            raise _failure(error) from error
        with connection, connection.cursor() as cursor:
            cursor.execute("SELECT VERSION(), (SELECT 1)")
            version = cursor.fetchone()[0].partition("-")[0]
            return Login(version, connection._sock.cipher()[0], connection._sock.getpeercert(binary_form=True))


def _failure(error: Exception) -> Exception:
    code, text = error.args[0], str(error.args[-1])
    if code in _ACCESS_DENIED:
        return AccessDeniedError(text)
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return CertificateRejectedError(text)
    return NotReadyError(text)
