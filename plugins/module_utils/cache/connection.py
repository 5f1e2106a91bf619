"""A connection to the cache over verified TLS, with as much of Redis' language as the platform needs."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Self

from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment

_SECONDS = 5


class NotAnsweringError(Exception):
    """It does not serve yet; waiting may help."""


class CertificateRejectedError(NotAnsweringError):
    """The server shows a certificate that the environment's authority does not vouch for."""


class AccessDeniedError(Exception):
    """It serves, but not us; waiting does not help."""


@dataclass
class CacheConnection:
    """Opened by `with`; what goes wrong then is one of the errors above."""

    host: str
    port: int
    user: str
    password_file: Path
    authority_file: Path
    # What the server showed: its certificate in DER form, and the version of TLS.
    certificate: bytes = b""
    tls_version: str = ""
    _socket: ssl.SSLSocket | None = field(default=None, init=False)
    _stream: BinaryIO | None = field(default=None, init=False)

    @classmethod
    def of_environment(cls, env: Environment, user: str, *password_file: str) -> Self:
        path = Path(env.path("secrets", *password_file))
        return cls("127.0.0.1", env.cache.port, user, path, Path(env.path("tls", "ca.crt")))

    def __enter__(self) -> Self:
        try:
            password = self.password_file.read_text(encoding="utf-8")
            context = ssl.create_default_context(cafile=str(self.authority_file))
        except FileNotFoundError as error:
            raise AccessDeniedError(f"{error.filename or self.authority_file} does not exist") from error
        try:
            plain = socket.create_connection((self.host, self.port), timeout=_SECONDS)
            self._socket = context.wrap_socket(plain, server_hostname=self.host)
        except ssl.SSLCertVerificationError as error:
            raise CertificateRejectedError(f"its certificate is not accepted: {error.verify_message}") from error
        except OSError as error:
            raise NotAnsweringError(f"port {self.port}: {error.strerror or error}") from error
        self.certificate = self._socket.getpeercert(binary_form=True) or b""
        self.tls_version = self._socket.version() or ""
        self._stream = self._socket.makefile("rb")
        try:
            self.ask("AUTH", self.user, password)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        for thing in (self._stream, self._socket):
            if thing is not None:
                thing.close()

    def ask(self, *words: str) -> object:
        """Gives the answer as a text, a number, a list, or None."""
        open_socket = self._socket
        if open_socket is None:
            raise NotAnsweringError("the connection is not open")
        parts = [f"${len(word.encode())}\r\n{word}\r\n" for word in words]
        try:
            open_socket.sendall(f"*{len(words)}\r\n{''.join(parts)}".encode())
            return self._answer()
        except OSError as error:
            raise NotAnsweringError(f"port {self.port}: {error.strerror or error}") from error

    def info(self) -> dict[str, str]:
        """What the server tells about itself, by its own names."""
        told = [line.partition(":") for line in str(self.ask("INFO")).splitlines()]
        return {name: value for name, colon, value in told if colon}

    def _answer(self) -> object:
        line = self._line()
        kind, text = line[:1], line[1:]
        match kind:
            case "-":
                raise _error(text)
            case ":":
                return int(text)
            case "$":
                return None if text == "-1" else self._bytes(int(text))
            case "*":
                return None if text == "-1" else [self._answer() for _each in range(int(text))]
            case _:
                return text

    def _line(self) -> str:
        line = self._stream.readline() if self._stream else b""
        if not line.endswith(b"\r\n"):
            raise NotAnsweringError(f"port {self.port}: it closed the connection")
        return line[:-2].decode()

    def _bytes(self, length: int) -> str:
        content = self._stream.read(length + 2) if self._stream else b""
        if len(content) < length + 2:
            raise NotAnsweringError(f"port {self.port}: it closed the connection")
        return content[:-2].decode()


def _error(text: str) -> Exception:
    code = text.partition(" ")[0]
    return AccessDeniedError(text) if code in ("WRONGPASS", "NOPERM", "NOAUTH") else NotAnsweringError(text)
