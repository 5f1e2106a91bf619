"""Quick questions to the Docker engine without its Python package, which a host may lack."""

from __future__ import annotations

import errno
import http.client
import json
import socket
from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import urlsplit

_DEFAULT = "unix:///var/run/docker.sock"


class NoEngineError(Exception):
    """Why there was no answer: nobody may be there, somebody may be there and down, or this user may not ask."""

    def __init__(self, why: Literal["absent", "denied", "down"], words: str) -> None:
        super().__init__(words)
        self.why = why


class EngineSocket:
    def __init__(self, environment: Mapping[str, str], seconds: float = 5) -> None:
        self.address = environment.get("DOCKER_HOST") or _DEFAULT
        self._place = urlsplit(self.address)
        self._seconds = seconds

    @property
    def can_be_asked(self) -> bool:
        """An engine that is reached by TLS or SSH is left to its own client."""
        return self._place.scheme in ("unix", "http") or (self._place.scheme == "tcp" and self._place.port == 2375)

    def ask(self, path: str) -> Any:
        connection = self._connection()
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            body = response.read()
        except OSError as error:
            words = error.strerror or str(error) or type(error).__name__
            if error.errno in (errno.EACCES, errno.EPERM):
                raise NoEngineError("denied", words) from error
            raise NoEngineError("absent" if error.errno == errno.ENOENT else "down", words) from error
        except http.client.HTTPException as error:
            raise NoEngineError("down", str(error) or type(error).__name__) from error
        finally:
            connection.close()
        if response.status != http.HTTPStatus.OK:
            raise NoEngineError("down", f"it answers with status {response.status}")
        return json.loads(body)

    def _connection(self) -> http.client.HTTPConnection:
        if self._place.scheme == "unix":
            return _OverUnixSocket(self._place.path, self._seconds)
        return http.client.HTTPConnection(self._place.hostname or "localhost", self._place.port, timeout=self._seconds)


class _OverUnixSocket(http.client.HTTPConnection):
    def __init__(self, path: str, seconds: float) -> None:
        super().__init__("localhost", timeout=seconds)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)
