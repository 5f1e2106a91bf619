from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.colours.health import ColourHealth, Endpoints, Probe, probe
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import environment
from ansible_collections.echobase.platform.plugins.module_utils.host.https_client import Answer, HttpsClient, NoAnswerError

BLUE = environment("test").colour("blue")
URL = "https://10.0.0.1:8443/ready"


class Client(HttpsClient):
    """Gives the answer that it is told to."""

    def ask(self, method: str, path: str, body: Any = None, headers: Any = None) -> Answer:
        del method, path, body, headers
        return Answer(self.port, {"x-echobase-release": "1"}, self.ca_file.encode())


def asked(status: int, body: object) -> Probe:
    found = probe(Client("10.0.0.1", status, json.dumps(body)), "/ready")
    return Probe(URL, found.problem, found.headers, found.body)


def test_an_answer_of_200_is_no_problem() -> None:
    assert asked(200, {"release": "1"}) == Probe(URL, "", {"x-echobase-release": "1"}, {"release": "1"})


@pytest.mark.parametrize(
    ("body", "problem"),
    [({"detail": "no database"}, "answered 503 (no database)"), ({"title": "Down"}, "answered 503 (Down)"), (["?"], "answered 503")],
)
def test_another_answer_is_told_with_its_detail(body: object, problem: str) -> None:
    assert asked(503, body).problem == problem


def test_nobody_who_answers_is_told_as_that() -> None:
    class Away(HttpsClient):
        def ask(self, *_: Any, **__: Any) -> Answer:
            raise NoAnswerError("timed out")

    assert probe(Away("10.0.0.1", 8443, ""), "/ready") == Probe(URL, "no answer (timed out)")


def test_a_colour_is_asked_where_it_listens_unless_somebody_says_otherwise() -> None:
    assert Endpoints.of(BLUE).gateway == f"https://{BLUE.gateway_address}:8443"
    given = Endpoints.of(BLUE, {"frontend": "https://localhost:1"})
    assert (given.frontend, given.tls_name) == ("https://localhost:1", "blue.echobase.internal")
    with pytest.raises(Refusal, match="unknown service 'emulator' in the endpoints of blue"):
        Endpoints.of(BLUE, {"emulator": "x"})


def test_both_services_are_asked_and_told_in_order() -> None:
    nobody = Endpoints("https://127.0.0.1:1", "https://127.0.0.1:2", BLUE.tls_name)
    with pytest.raises(Refusal, match="certificate authority"):
        ColourHealth(nobody, "/nowhere/ca.crt").readiness()
