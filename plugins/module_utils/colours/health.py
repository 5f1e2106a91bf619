"""Does a colour answer? Its services that customers reach are asked directly, as the edge asks them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.colours.endpoints import Endpoint
from ansible_collections.echobase.platform.plugins.module_utils.host.https_client import HttpsClient, NoAnswerError

# An application may answer only under names that it knows, or only what came over TLS; by this it takes us for the edge.
_AS_THE_EDGE = {"Host": "localhost", "X-Forwarded-Proto": "https"}
_GOOD = range(200, 300)


@dataclass(frozen=True)
class Probe:
    """One question and its answer; `problem` is empty when the answer was good."""

    url: str
    problem: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)


class ColourHealth:
    """`tls_name` is the name that the certificates of the colour's services have to carry."""

    def __init__(self, endpoints: Sequence[Endpoint], tls_name: str, ca_file: str, timeout: float = 2) -> None:
        self.endpoints = endpoints
        self._tls_name = tls_name
        self._ca_file = ca_file
        self._timeout = timeout

    def readiness(self) -> list[Probe]:
        """Asks whether the colour can serve with everything that it depends on. A colour must show this before it gets traffic."""
        return self._ask({endpoint: endpoint.ready for endpoint in self.endpoints})

    def liveness(self) -> list[Probe]:
        """Asks whether the colour answers at all. A rollback asks no more, since a database that is away must not close the way back."""
        return self._ask({endpoint: endpoint.live for endpoint in self.endpoints})

    def in_flight(self) -> dict[str, Probe]:
        """What each service that counts is answering right now."""
        counting = {endpoint: endpoint.in_flight for endpoint in self.endpoints if endpoint.in_flight}
        return dict(zip([endpoint.service for endpoint in counting], self._ask(counting), strict=True))

    def _ask(self, questions: Mapping[Endpoint, str]) -> list[Probe]:
        if not questions:
            return []
        with ThreadPoolExecutor(len(questions)) as pool:
            return list(pool.map(self._probe, questions.keys(), questions.values()))

    def _probe(self, endpoint: Endpoint, path: str) -> Probe:
        client = HttpsClient(
            endpoint.host,
            endpoint.port,
            self._ca_file,
            headers=_AS_THE_EDGE,
            timeout=self._timeout,
            tls_name=self._tls_name,
            plain=endpoint.is_plain,
        )
        return probe(client, path) if path else reached(client)


def probe(client: HttpsClient, path: str) -> Probe:
    url = f"{client.url}{path}"
    try:
        answer = client.ask("GET", path)
    except NoAnswerError as error:
        return Probe(url, f"no answer ({error})")
    told = answer.json()
    body = told if isinstance(told, dict) else {}
    detail = body.get("detail") or body.get("title")
    problem = "" if answer.status in _GOOD else f"answered {answer.status}" + (f" ({detail})" if detail else "")
    return Probe(url, problem, answer.headers, body)


def reached(client: HttpsClient) -> Probe:
    """Of a service that nothing more is known of, its port has to take a connection."""
    try:
        client.reach()
    except NoAnswerError as error:
        return Probe(client.url, f"no answer ({error})")
    return Probe(client.url)
