from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.colours.endpoints import Endpoint
from ansible_collections.echobase.platform.plugins.module_utils.colours.health import ColourHealth, Probe, probe
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import environment
from ansible_collections.echobase.platform.plugins.module_utils.host.https_client import Answer, HttpsClient, NoAnswerError

BLUE = environment("test").colour("blue")
URL = "https://10.0.0.1:8443/ready"


class Client(HttpsClient):
    """Gives the answer that it is told to."""

    def ask(self, method: str, path: str, body: Any = None, headers: Any = None) -> Answer:
        del method, path, body, headers
        return Answer(self.port, {"x-echobase-release": "1"}, self.ca_file.encode())


def test_any_good_answer_will_do() -> None:
    assert asked(204, {}).problem == ""
    assert asked(302, {}).problem == "answered 302"


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


class Service(BaseHTTPRequestHandler):
    """Is alive and not ready, and knows itself by one name."""

    def do_GET(self) -> None:
        known = self.headers["Host"] == "localhost" and self.headers["X-Forwarded-Proto"] == "https"
        self.send_response(503 if self.path == "/ready" else 200 if known else 400)
        self.end_headers()
        self.wfile.write(b'{"in_flight": 3}')

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def service() -> Iterator[Endpoint]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Endpoint("web", "127.0.0.1", server.server_port, is_plain=True, ready="/ready", live="/", in_flight="/in-flight")
    server.shutdown()
    server.server_close()


def test_a_plain_service_is_asked_as_the_edge_would_ask_it(service: Endpoint) -> None:
    health = ColourHealth([service], BLUE.tls_name, "/nowhere/ca.crt")
    url = f"http://127.0.0.1:{service.port}"
    assert [(probe.url, probe.problem) for probe in health.readiness()] == [(f"{url}/ready", "answered 503")]
    assert [(probe.url, probe.problem) for probe in health.liveness()] == [(f"{url}/", "")]
    assert health.in_flight()["web"].body == {"in_flight": 3}


def test_of_a_service_without_paths_its_port_has_to_take_a_connection(service: Endpoint) -> None:
    silent = replace(service, ready="", live="", in_flight="")
    health = ColourHealth([silent], BLUE.tls_name, "/nowhere/ca.crt")
    assert [(probe.url, probe.problem) for probe in health.readiness()] == [(f"http://127.0.0.1:{service.port}", "")]
    assert health.in_flight() == {}
    nobody = ColourHealth([replace(silent, port=1)], BLUE.tls_name, "/nowhere/ca.crt")
    assert "no answer" in nobody.liveness()[0].problem


def test_over_tls_there_has_to_be_an_authority() -> None:
    nobody = [Endpoint("web", "127.0.0.1", 1, is_plain=False, ready="/ready")]
    with pytest.raises(Refusal, match="certificate authority"):
        ColourHealth(nobody, BLUE.tls_name, "/nowhere/ca.crt").readiness()
