"""Does a colour answer? Its gateway and its front end are asked directly, over TLS, as the edge asks them."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Colour

_PORT = 8443


@dataclass(frozen=True)
class Endpoints:
    """Where a colour's services listen, and the name that their certificate must carry."""

    gateway: str
    frontend: str
    tls_name: str

    @classmethod
    def of(cls, colour: Colour, overrides: Mapping[str, str] | None = None) -> Endpoints:
        given = overrides or {}
        unknown = sorted(set(given) - {"gateway", "frontend"})
        if unknown:
            raise Refusal(f"unknown service '{unknown[0]}' in the endpoints of {colour.name}", "name gateway and frontend")
        return cls(
            gateway=given.get("gateway", f"https://{colour.gateway_address}:{_PORT}"),
            frontend=given.get("frontend", f"https://{colour.frontend_address}:{_PORT}"),
            tls_name=colour.tls_name,
        )


@dataclass(frozen=True)
class Probe:
    """One question and its answer; `problem` is empty when the answer was 200."""

    url: str
    problem: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)


class ColourHealth:
    def __init__(self, endpoints: Endpoints, ca_file: str, timeout: float = 2) -> None:
        self._endpoints = endpoints
        self._ca_file = ca_file
        self._timeout = timeout

    def readiness(self) -> list[Probe]:
        """Can it serve with everything that it depends on? What a colour must show before it gets traffic."""
        return self._ask([f"{self._endpoints.gateway}/ready", f"{self._endpoints.frontend}/healthz"])

    def liveness(self) -> list[Probe]:
        """Does it answer by itself? What a rollback asks: a database that is away is no reason to close the way back."""
        return self._ask([f"{self._endpoints.gateway}/health", f"{self._endpoints.frontend}/healthz"])

    def in_flight(self) -> list[Probe]:
        """What the gateway and the front end are answering right now, in this order."""
        return self._ask([f"{self._endpoints.gateway}/in-flight", f"{self._endpoints.frontend}/in-flight"])

    def _ask(self, urls: list[str]) -> list[Probe]:
        try:
            context = ssl.create_default_context(cafile=self._ca_file)
        except OSError as error:
            raise Refusal(
                f"the certificate authority {self._ca_file} cannot be read ({error.strerror})", f"run {playbook('setup_durable')}"
            ) from error
        with ThreadPoolExecutor(len(urls)) as pool:
            return list(pool.map(lambda url: probe(url, context, self._endpoints.tls_name, self._timeout), urls))


def probe(url: str, context: ssl.SSLContext, tls_name: str, timeout: float) -> Probe:
    parts = urlsplit(url)
    connection = _Connection(parts.hostname or "", parts.port or 443, context, tls_name, timeout)
    try:
        connection.request("GET", parts.path)
        response = connection.getresponse()
        content = response.read()
    except (OSError, http.client.HTTPException) as error:
        return Probe(url, f"no answer ({error or type(error).__name__})")
    finally:
        connection.close()
    body = _json(content)
    headers = {name.lower(): value for name, value in response.getheaders()}
    detail = body.get("detail") or body.get("title")
    problem = "" if response.status == 200 else f"answered {response.status}" + (f" ({detail})" if detail else "")
    return Probe(url, problem, headers, body)


class _Connection(http.client.HTTPSConnection):
    """Connects to an address and expects the certificate of a name."""

    def __init__(self, host: str, port: int, context: ssl.SSLContext, tls_name: str, timeout: float) -> None:
        super().__init__(host, port, timeout=timeout)
        self._tls_context = context
        self._tls_name = tls_name

    def connect(self) -> None:
        plain = socket.create_connection((self.host, self.port), self.timeout)
        self.sock = self._tls_context.wrap_socket(plain, server_hostname=self._tls_name)


def _json(content: bytes) -> dict[str, Any]:
    try:
        value = json.loads(content)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
