from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.application.definition import Definition
from ansible_collections.echobase.platform.plugins.module_utils.host.https_client import HttpsClient
from ansible_collections.echobase.platform.plugins.module_utils.migrations.stand_in_edge import route_for, stand_in_edge
from harness.throwaway_tls import make_certificates


class Echo(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        asked = {"path": self.path, "host": self.headers["Host"], "proto": self.headers["X-Forwarded-Proto"]}
        asked["body"] = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        self.send_response(418)
        self.send_header("X-Echobase-Colour", "rehearsal")
        self.end_headers()
        self.wfile.write(json.dumps(asked).encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def service() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def definition(port: int) -> Definition:
    services = {"web": {"image": "web"}, "api": {"image": "api"}}
    return Definition.of({"services": services, "x-echobase": {"routes": {"/": f"web:{port}", "/api": f"api:{port}"}}})


def test_the_longest_prefix_decides_by_whole_parts() -> None:
    settings = definition(80).settings
    paths = ["/", "/api", "/api/x?y=/", "/apix", "/api?x"]
    assert [getattr(route_for(settings, path), "service", "") for path in paths] == ["web", "api", "api", "web", "api"]


def test_a_request_is_led_on_and_its_answer_back_and_nobody_elses_fails_it(tmp_path: Path, service: int) -> None:
    make_certificates(tmp_path, ["localhost"])
    hosts = {"web": "127.0.0.2", "api": "127.0.0.1"}
    with stand_in_edge(definition(service).settings, hosts, tmp_path / "localhost") as port:
        client = HttpsClient("localhost", port, str(tmp_path / "ca.crt"))
        answer = client.request("POST", "/api/orders?x=1", {"a": 1})
        assert (answer.status, answer.header("X-Echobase-Colour")) == (418, "rehearsal")
        asked = {"path": "/api/orders?x=1", "host": f"localhost:{port}", "proto": "https", "body": '{"a": 1}'}
        assert answer.json() == asked
        assert client.request("GET", "/").status == 502
        assert client.request("GET", "/api").status == 501
