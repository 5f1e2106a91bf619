"""Exchanges with a server whose certificate our own authority signed, or with one that speaks plain HTTP on a network of ours."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal


class NoAnswerError(Exception):
    """Nobody answered; the text says why, as far as one can tell from here."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def header(self, name: str) -> str:
        return self.headers.get(name.lower(), "")

    def json(self) -> Any:
        try:
            return json.loads(self.body)
        except ValueError:
            return {}


@dataclass(frozen=True)
class HttpsClient:
    host: str
    port: int
    ca_file: str
    # These headers are sent with each request.
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 10
    # The name that the server's certificate has to carry, where that is not the host.
    tls_name: str = ""
    plain: bool = False

    @property
    def url(self) -> str:
        return f"{'http' if self.plain else 'https'}://{self.host}:{self.port}"

    def request(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        """Sends a request for a caller that cannot go on without an answer."""
        try:
            return self.ask(method, path, body, headers)
        except NoAnswerError as error:
            raise Refusal(f"{method} {self.url}{path} got no answer ({error})", f"is the edge up? see {playbook('status')}") from error

    def ask(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        sent = {**self.headers, **(headers or {})}
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            sent["Content-Type"] = "application/json"
        connection = self._connection()
        try:
            connection.request(method, path, body=data, headers=sent)
            response = connection.getresponse()
            return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())
        except (OSError, http.client.HTTPException) as error:
            raise NoAnswerError(str(error) or type(error).__name__) from error
        finally:
            connection.close()

    def reach(self) -> None:
        """Connects and asks nothing, for a server of which one knows no more than that it listens."""
        connection = self._connection()
        try:
            connection.connect()
        except OSError as error:
            raise NoAnswerError(str(error) or type(error).__name__) from error
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        if self.plain:
            return http.client.HTTPConnection(self.host, self.port, timeout=self.timeout)
        return _Connection(self.host, self.port, self._context, self.timeout, self.tls_name or self.host)

    @cached_property
    def _context(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cafile=self.ca_file)
        except OSError as error:
            reason = error.strerror or error
            raise Refusal(
                f"the certificate authority {self.ca_file} cannot be read ({reason})", f"run {playbook('setup_durable')}"
            ) from error


class _Connection(http.client.HTTPSConnection):
    """Connects to an address and expects the certificate of a name."""

    def __init__(self, host: str, port: int, context: ssl.SSLContext, timeout: float, tls_name: str) -> None:
        super().__init__(host, port, timeout=timeout, context=context)
        self._trust = context
        self._tls_name = tls_name

    def connect(self) -> None:
        http.client.HTTPConnection.connect(self)
        self.sock = self._trust.wrap_socket(self.sock, server_hostname=self._tls_name)
