"""One HTTPS exchange with a server whose certificate our own authority signed."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal


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
    headers: Mapping[str, str]
    timeout: float = 10

    def request(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
        except OSError as error:
            raise Refusal(
                f"the certificate authority {self.ca_file} cannot be read ({error})", f"run {playbook('setup_durable')}"
            ) from error
        connection = http.client.HTTPSConnection(self.host, self.port, timeout=self.timeout, context=context)
        sent = {**self.headers, **(headers or {})}
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            sent["Content-Type"] = "application/json"
        try:
            connection.request(method, path, body=data, headers=sent)
            response = connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        except (OSError, http.client.HTTPException) as error:
            raise Refusal(
                f"{method} https://{self.host}:{self.port}{path} got no answer ({error or type(error).__name__})",
                f"is the edge up? see {playbook('status')}",
            ) from error
        finally:
            connection.close()
