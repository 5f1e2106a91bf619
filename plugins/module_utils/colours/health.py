"""Does a colour answer? Its gateway and its front end are asked directly, over TLS, as the edge asks them."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Colour
from ansible_collections.echobase.platform.plugins.module_utils.host.https_client import HttpsClient, NoAnswerError

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
        """Asks whether the colour can serve with everything that it depends on. A colour must show this before it gets traffic."""
        return self._ask([f"{self._endpoints.gateway}/ready", f"{self._endpoints.frontend}/healthz"])

    def liveness(self) -> list[Probe]:
        """Asks whether the colour answers at all. A rollback asks no more, since a database that is away must not close the way back."""
        return self._ask([f"{self._endpoints.gateway}/health", f"{self._endpoints.frontend}/healthz"])

    def in_flight(self) -> list[Probe]:
        """What the gateway and the front end are answering right now, in this order."""
        return self._ask([f"{self._endpoints.gateway}/in-flight", f"{self._endpoints.frontend}/in-flight"])

    def _ask(self, urls: list[str]) -> list[Probe]:
        with ThreadPoolExecutor(len(urls)) as pool:
            return list(pool.map(self._probe, urls))

    def _probe(self, url: str) -> Probe:
        parts = urlsplit(url)
        name = self._endpoints.tls_name
        client = HttpsClient(parts.hostname or "", parts.port or 443, self._ca_file, timeout=self._timeout, tls_name=name)
        return probe(client, parts.path)


def probe(client: HttpsClient, path: str) -> Probe:
    url = f"https://{client.host}:{client.port}{path}"
    try:
        answer = client.ask("GET", path)
    except NoAnswerError as error:
        return Probe(url, f"no answer ({error})")
    told = answer.json()
    body = told if isinstance(told, dict) else {}
    detail = body.get("detail") or body.get("title")
    problem = "" if answer.status == 200 else f"answered {answer.status}" + (f" ({detail})" if detail else "")
    return Probe(url, problem, answer.headers, body)
