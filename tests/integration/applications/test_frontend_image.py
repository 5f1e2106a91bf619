"""The container of the page: what it serves, what it forwards, what it refuses - in the real image, read-only and without root."""

from __future__ import annotations

import datetime
import http.client
import json
import os
import signal
import ssl
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import docker
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from docker.models.containers import Container
from docker.models.networks import Network

from ansible_collections.echobase.platform.plugins.module_utils.colours.health import Probe
from ansible_collections.echobase.platform.plugins.module_utils.colours.in_flight import InFlight
from ansible_collections.echobase.platform.plugins.module_utils.environment.inside import APPLICATION
from harness.images_under_test import image_tag
from harness.waiting import eventually

COLOUR, RELEASE, VERSION = "blue", "1.2.3-abcdef01", "1.2.3"
GATEWAY = "zz-frontend-gateway"
NAVIGATION = {"Accept": "text/html,application/xhtml+xml"}

# A gateway that says who it is and what it was asked: nginx of the same image.
ECHO = """
pid /tmp/nginx.pid; events {} http {
  client_body_temp_path /tmp/a; proxy_temp_path /tmp/b; fastcgi_temp_path /tmp/c; uwsgi_temp_path /tmp/d; scgi_temp_path /tmp/e;
  access_log off;
  server { listen 8443 ssl; ssl_certificate /run/tls/tls.crt; ssl_certificate_key /run/tls/tls.key;
    add_header X-Echobase-Colour gateway-colour always; add_header X-Echobase-Release gateway-release always;
    add_header X-Request-Id $http_x_request_id always; add_header X-Seen-Client "$http_x_forwarded_for" always;
    location /api/slow { limit_rate 1; return 200 "an answer that takes its time: a byte a second"; }
    location / { return 207 "$request_method $request_uri"; } } }
"""


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: str


@dataclass
class Page:
    container: Container
    authority: Path

    def port(self, inside: int) -> int:
        return int(self.container.ports[f"{inside}/tcp"][0]["HostPort"])

    def processes(self, command: str) -> list[int]:
        """Finds the container's processes with this in their command line, as the host numbers them."""
        top = self.container.top()
        number, line = top["Titles"].index("PID"), top["Titles"].index("CMD")
        return [int(process[number]) for process in top["Processes"] if command in process[line]]

    def ask(self, path: str, headers: dict[str, str] | None = None, method: str = "GET") -> Answer:
        trust = ssl.create_default_context(cafile=str(self.authority))
        return _ask(http.client.HTTPSConnection("localhost", self.port(8443), context=trust, timeout=20), path, headers, method)

    def ask_plain(self, path: str) -> Answer:
        return _ask(http.client.HTTPConnection("localhost", self.port(8080), timeout=20), path, None, "GET")


def _ask(connection: http.client.HTTPConnection, path: str, headers: dict[str, str] | None, method: str) -> Answer:
    connection.request(method, path, headers=headers or {})
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return Answer(answer.status, answer.headers, body)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One self-signed certificate that is its own authority, with the colour's name in it."""
    folder = tmp_path_factory.mktemp("tls")
    folder.chmod(0o755)
    folder.parent.chmod(0o755)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "zz-frontend")])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName(f"{COLOUR}.echobase.internal"), x509.DNSName("localhost")]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "tls.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "tls.key").write_bytes(secret)
    (folder / "tls.key").chmod(0o440)
    os.chown(folder / "tls.key", 0, APPLICATION)
    return folder


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    network = docker.from_env().networks.create("zz-frontend-test-network")
    yield network
    network.remove()


@pytest.fixture(scope="module")
def page(certificates: Path, network: Network) -> Iterator[Page]:
    container = docker.from_env().containers.run(
        image_tag("frontend"),
        name="zz-frontend-test",
        detach=True,
        network=network.name,
        user=f"{APPLICATION}:{APPLICATION}",
        read_only=True,
        tmpfs={"/tmp": ""},
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
        ports={"8443/tcp": ("127.0.0.1", None), "8080/tcp": ("127.0.0.1", None)},
        volumes={
            str(certificates): {"bind": "/run/tls", "mode": "ro"},
            str(certificates / "tls.crt"): {"bind": "/run/tls-ca/ca.crt", "mode": "ro"},
        },
        environment={
            "ECHOBASE_COLOUR": COLOUR,
            "ECHOBASE_RELEASE": RELEASE,
            "ECHOBASE_VERSION": VERSION,
            "GATEWAY_HOST": GATEWAY,
            "ECHOBASE_PUBLISHED_8443": "3443",
        },
    )
    try:
        _await_healthy(container)
        yield Page(container, certificates / "tls.crt")
    finally:
        container.remove(force=True)


@pytest.fixture
def gateway(certificates: Path, network: Network) -> Iterator[None]:
    (certificates / "echo.conf").write_text(ECHO)
    container = docker.from_env().containers.run(
        image_tag("frontend"),
        name=GATEWAY,
        detach=True,
        network=network.name,
        entrypoint=["nginx", "-e", "/dev/stderr", "-c", "/run/tls/echo.conf", "-g", "daemon off;"],
        volumes={str(certificates): {"bind": "/run/tls", "mode": "ro"}},
    )
    yield
    container.remove(force=True)


def _await_healthy(container: Container) -> None:
    def is_healthy() -> bool:
        container.reload()
        assert container.status != "exited", container.logs().decode()
        return bool(container.attrs["State"]["Health"]["Status"] == "healthy")

    eventually(is_healthy, lambda: container.logs().decode(), interval=0.2)


def test_a_health_check_goes_on_until_nginx_is_silent(page: Page) -> None:
    eventually(lambda: page.container.exec_run(["test", "-e", "/tmp/seen-well"]).exit_code == 0, "a check has found all well")
    with ThreadPoolExecutor(1) as pool:
        check = pool.submit(page.container.exec_run, ["/healthcheck", "60"])
        eventually(lambda: page.processes("/healthcheck 60"), "the check goes on")
        workers = page.processes("nginx: worker")
        for worker in workers:
            os.kill(worker, signal.SIGSTOP)
        try:
            assert check.result().exit_code == 1
        finally:
            for worker in workers:
                os.kill(worker, signal.SIGCONT)


def test_the_page_names_colour_and_release_and_allows_only_its_own_files(page: Page) -> None:
    answer = page.ask("/")
    assert answer.status == 200
    assert 'id="root"' in answer.body
    assert answer.headers["X-Echobase-Colour"] == COLOUR
    assert answer.headers["X-Echobase-Release"] == RELEASE
    assert answer.headers["Cache-Control"] == "no-cache"
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_every_file_that_the_page_names_is_there_and_the_hashed_ones_are_kept_for_good(page: Page) -> None:
    names = [part.split('"')[0] for part in page.ask("/").body.replace('href="', 'src="').split('src="')[1:]]
    assert any(name.startswith("/assets/") for name in names)
    for name in names:
        answer = page.ask(name)
        assert answer.status == 200, name
        assert ("immutable" in answer.headers["Cache-Control"]) == name.startswith("/assets/"), name


def test_only_a_navigation_gets_the_page_for_an_unknown_path(page: Page) -> None:
    assert page.ask("/orders/7", NAVIGATION).status == 200
    assert page.ask("/orders/7", {"Accept": "image/png"}).status == 404
    missing = page.ask("/assets/index-gone.js", NAVIGATION)
    assert missing.status == 404
    assert missing.headers["Cache-Control"] == "no-cache"


def test_the_release_is_told_as_json(page: Page) -> None:
    answer = page.ask("/release.json")
    assert answer.body == f'{{"version":"{VERSION}","colour":"{COLOUR}","release":"{RELEASE}"}}\n'
    assert answer.headers["Content-Type"] == "application/json"


def test_plain_http_only_redirects(page: Page) -> None:
    answer = page.ask_plain("/orders?open=1")
    assert answer.status == 308
    assert answer.headers["Location"] == "https://localhost:3443/orders?open=1"
    assert page.ask_plain("/healthz").status == 200
    assert page.ask("/healthz").status == 200


def test_without_a_gateway_the_api_answers_502_as_a_problem(page: Page) -> None:
    answer = page.ask("/api/orders")
    assert answer.status == 502
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["X-Echobase-Colour"] == COLOUR


@pytest.mark.usefixtures("gateway")
@pytest.mark.parametrize("path", ["/api/orders?x=1", "/health", "/health/db", "/ready", "/openapi.json", "/docs"])
def test_a_gateway_that_came_later_is_found_and_its_answer_is_passed_on_as_it_is(page: Page, path: str) -> None:
    answer = _first_answer_but_502(page, path)
    assert (answer.status, answer.body) == (207, f"POST {path}")
    assert answer.headers.get_all("X-Echobase-Colour") == ["gateway-colour"]
    assert answer.headers.get_all("X-Echobase-Release") == ["gateway-release"]
    assert answer.headers.get_all("X-Request-Id") == ["asked-1"]
    assert answer.headers["Content-Security-Policy"] is None
    assert answer.headers["X-Seen-Client"] != "203.0.113.9"


def _first_answer_but_502(page: Page, path: str) -> Answer:
    """Names are asked for again after five seconds."""
    end = time.monotonic() + 30
    while True:
        answer = page.ask(path, {"X-Request-Id": "asked-1", "X-Forwarded-For": "203.0.113.9"}, method="POST")
        if answer.status != 502 or time.monotonic() > end:
            return answer
        time.sleep(0.2)


def test_the_program_runs_without_root_and_cannot_write_its_files(page: Page) -> None:
    assert page.container.exec_run("id -u").output.strip() == str(APPLICATION).encode()
    assert page.container.exec_run("touch /usr/share/frontend/x").exit_code != 0


@pytest.mark.parametrize("value", ["", "blue; return 200", "a|b"])
def test_a_value_of_another_shape_is_refused_in_one_line(value: str) -> None:
    with pytest.raises(docker.errors.ContainerError) as refused:
        docker.from_env().containers.run(image_tag("frontend"), environment={"ECHOBASE_COLOUR": value}, remove=True)
    assert refused.value.stderr.decode().count("\n") == 1
    assert "ECHOBASE_COLOUR" in refused.value.stderr.decode()


def test_it_counts_what_it_is_answering_until_the_last_byte(page: Page, gateway: None) -> None:
    def in_flight() -> int | None:
        told = Probe("frontend", body=json.loads(page.ask("/in-flight").body))
        return InFlight.of({"frontend": told}).total

    def await_in_flight(count: int) -> None:
        eventually(lambda: in_flight() == count, lambda: f"{in_flight()} are in flight, not {count}")

    await_in_flight(0)
    trust = ssl.create_default_context(cafile=str(page.authority))
    idle = http.client.HTTPSConnection("localhost", page.port(8443), context=trust, timeout=20)
    idle.request("GET", "/healthz")
    idle.getresponse().read()
    # A connection that waits for its next request is not in flight.
    await_in_flight(0)
    idle.request("GET", "/api/slow")
    await_in_flight(1)
    idle.close()
    await_in_flight(0)
