from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.host.https_client import HttpsClient, NoAnswerError
from harness.throwaway_tls import make_certificates

NAME = "blue.echobase.internal"


class Echo(BaseHTTPRequestHandler):
    """Answers with what it was asked, and `/garbage` with no HTTP at all."""

    def do_GET(self) -> None:
        if self.path == "/garbage":
            self.wfile.write(b"hello?\r\n\r\n")
            return
        length = int(self.headers.get("Content-Length", 0))
        asked = {"method": self.command, "path": self.path, "headers": dict(self.headers), "body": self.rfile.read(length).decode()}
        content = b"no json" if self.path == "/text" else json.dumps(asked).encode()
        self.send_response(418 if self.path == "/teapot" else 200)
        self.send_header("X-Echobase-Colour", "blue")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET  # noqa: N815 - its base class calls it so

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls") / "ours"
    make_certificates(folder, [NAME])
    return folder


@pytest.fixture(scope="module")
def server(certificates: Path) -> Iterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "blue/tls.crt", certificates / "blue/tls.key")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def client(server: int, certificates: Path) -> HttpsClient:
    return HttpsClient("127.0.0.1", server, str(certificates / "ca.crt"), {"X-Always": "yes"}, timeout=5)


def test_an_answer_has_status_headers_and_json(client: HttpsClient) -> None:
    answer = client.request("POST", "/orders", {"item": "tea"}, {"X-Once": "too"})
    told = answer.json()
    assert (answer.status, answer.header("x-echobase-COLOUR"), answer.header("missing")) == (200, "blue", "")
    assert (told["method"], told["path"], told["body"]) == ("POST", "/orders", '{"item": "tea"}')
    assert (told["headers"]["X-Always"], told["headers"]["X-Once"], told["headers"]["Content-Type"]) == ("yes", "too", "application/json")


def test_any_status_is_an_answer_and_what_is_no_json_is_nothing(client: HttpsClient) -> None:
    assert client.ask("GET", "/teapot").status == 418
    assert client.ask("GET", "/text").json() == {}


def test_the_certificate_may_have_to_carry_another_name_than_the_host(server: int, certificates: Path) -> None:
    trust = str(certificates / "ca.crt")
    assert HttpsClient("127.0.0.1", server, trust, tls_name=NAME).ask("GET", "/").status == 200
    with pytest.raises(NoAnswerError, match="Hostname mismatch"):
        HttpsClient("127.0.0.1", server, trust, tls_name="green.echobase.internal").ask("GET", "/")


def test_a_certificate_of_another_authority_is_no_answer(server: int, tmp_path: Path) -> None:
    make_certificates(tmp_path / "others", [])
    with pytest.raises(Refusal, match=r"got no answer \(.*CERTIFICATE_VERIFY_FAILED"):
        HttpsClient("127.0.0.1", server, str(tmp_path / "others/ca.crt")).request("GET", "/")


def test_what_is_no_http_is_no_answer(client: HttpsClient) -> None:
    with pytest.raises(NoAnswerError):
        client.ask("GET", "/garbage")


def test_nobody_who_listens_is_told_in_one_line(certificates: Path) -> None:
    with pytest.raises(Refusal) as told:
        HttpsClient("127.0.0.1", 1, str(certificates / "ca.crt")).request("GET", "/ready")
    assert told.value.cause == "GET https://127.0.0.1:1/ready got no answer ([Errno 111] Connection refused)"
    assert told.value.remedy == "is the edge up? see `playbooks/status.yml`"


def test_an_authority_that_is_missing_is_told_as_that(tmp_path: Path) -> None:
    for question in (
        HttpsClient("127.0.0.1", 1, str(tmp_path / "ca.crt")).ask,
        HttpsClient("127.0.0.1", 1, str(tmp_path / "ca.crt")).request,
    ):
        with pytest.raises(Refusal, match=r"the certificate authority .*ca\.crt cannot be read \(No such file or directory\)"):
            question("GET", "/")
