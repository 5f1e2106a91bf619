"""A login over verified TLS, as the application does it: the proof that a database serves."""

from __future__ import annotations

import ssl
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Self

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


@dataclass(frozen=True)
class DatabaseLogin(ABC):
    host: str
    port: int
    user: str
    database: str
    password_file: str
    ca_file: str

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
        try:
            password = Path(self.password_file).read_text().strip()
            context = ssl.create_default_context(cafile=self.ca_file)
        except FileNotFoundError as error:
            raise AccessDeniedError(f"{error.filename or self.ca_file} does not exist") from error
        return self._log_in(password, context, timeout)

    @abstractmethod
    def _log_in(self, password: str, context: ssl.SSLContext, timeout: int) -> Login: ...
