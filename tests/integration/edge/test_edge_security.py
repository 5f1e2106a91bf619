"""What a client claims about itself, which files it may reach, and how well it has to encrypt."""

from __future__ import annotations

import re
import ssl
import subprocess
from collections.abc import Sequence

import httpx
import pytest

from harness.colour_under_test import ColourUnderTest
from harness.edge_fixtures import BLUE, CLIENT, blue_is_live, colours, customer, edge, new_client_id, switch  # noqa: F401 - fixtures
from harness.edge_under_test import EdgeUnderTest
from harness.raw_http1 import RawAnswer, RawConnection
from harness.raw_tls import TlsAnswer, offer

EDGE_PLACE = ("security", 30453, "127.68")
EDGE_OPTIONS = {"edge_hsts": True}

OPERATOR, PREVIEW = "echobase_test_operator", "echobase_test_preview"
OTHER_COOKIES = "theme=dark; lang=en"


def ask(port: int, edge: EdgeUnderTest, *lines: str, first: str = "GET / HTTP/1.1", host: str = "Host: localhost") -> RawAnswer:  # noqa: F811
    with RawConnection(port, edge.tls_context()) as connection:
        connection.send("\r\n".join([first, host, *lines, "Connection: close", "", ""]).encode("latin-1"))
        (answer,) = connection.answers()
    return answer


# --- what a client claims --------------------------------------------------------------------------------

CLAIMS = ["X-Forwarded-For", "X-Real-IP", "X-Forwarded-Proto", "X-Request-Id", "Traceparent", "X-Echobase-Entrance"]
DROPPED = [
    "Forwarded",
    "X-Forwarded-Host",
    "X-Forwarded-Port",
    "X-Echobase-Colour",
    "X-Echobase-Release",
    "X-Echobase-Error",
    "Tracestate",
    "Baggage",
]


def spellings(name: str) -> list[str]:
    return [name, name.upper(), name.lower(), name.replace("-", "_")]


def test_no_claim_of_a_client_gets_through_however_it_is_spelt(edge: EdgeUnderTest, colours: dict[str, ColourUnderTest]) -> None:  # noqa: F811
    forged = [f"{spelling}: 6.6.6.6" for name in (*CLAIMS, *DROPPED) for spelling in (*spellings(name), name)]
    answer = ask(edge.port, edge, *forged)
    assert answer.status == 200
    (seen,) = colours["blue"].requests
    assert not [line for line in seen.header_lines if "6.6.6.6" in line]
    names = [line.partition(":")[0].lower() for line in seen.header_lines]
    assert {name: names.count(name.lower()) for name in CLAIMS} == dict.fromkeys(CLAIMS, 1)
    assert not {name.lower() for name in DROPPED} & set(names)
    assert seen.headers["x-echobase-entrance"] == "public"
    assert len(re.findall(r"(?im)^x-request-id: ([0-9a-f]{32})\r?$", answer.head)) == 1
    assert colours["green"].requests == []


def test_a_client_cannot_have_the_edges_own_headers_removed(edge: EdgeUnderTest, colours: dict[str, ColourUnderTest]) -> None:  # noqa: F811
    ask(edge.port, edge, "Connection: X-Real-IP, X-Forwarded-For, X-Request-Id, Host", "X-Real-IP: 6.6.6.6")
    (seen,) = colours["blue"].requests
    assert (seen.headers["x-real-ip"], seen.headers["x-forwarded-for"], seen.headers["host"]) == ("127.0.0.1", "127.0.0.1", "localhost")
    assert "connection" not in seen.headers


@pytest.mark.parametrize(
    "cookies",
    [
        [f"{OPERATOR}=secret"],
        [f"{OPERATOR}=secret; {OTHER_COOKIES}"],
        [f"theme=dark; {OPERATOR}=secret; lang=en"],
        [f"{OPERATOR}=secret; {OPERATOR}=secret; {OTHER_COOKIES}"],
        [f"{OPERATOR}=secret; {OTHER_COOKIES}; {OPERATOR}=junk"],
        [f"{OPERATOR}=junk; {OTHER_COOKIES}; {OPERATOR}=secret"],
        [f"{OPERATOR}=secret", f"{OPERATOR}=secret", OTHER_COOKIES],
        [f"{PREVIEW}=secret; {OTHER_COOKIES}"],
        [f"{PREVIEW}=secret; {OPERATOR}=secret; {PREVIEW}=secret; {OPERATOR}=secret; {OTHER_COOKIES}"],
        [f"{OPERATOR}=secret; {PREVIEW}=secret", f"{PREVIEW}=secret"],
    ],
)
def test_what_opens_the_operators_entrance_reaches_no_colour(
    edge: EdgeUnderTest,  # noqa: F811
    colours: dict[str, ColourUnderTest],  # noqa: F811
    cookies: Sequence[str],
) -> None:
    """A colour that sets a cookie of the same name makes the browser send both, in an order of its choice."""
    assert ask(edge.port, edge, *(f"Cookie: {line}" for line in cookies)).status == 200
    (seen,) = colours["blue"].requests
    assert not [line for line in seen.header_lines if "secret" in line]


def test_other_cookies_reach_a_colour_unchanged(edge: EdgeUnderTest, colours: dict[str, ColourUnderTest]) -> None:  # noqa: F811
    ask(edge.port, edge, f"Cookie: theme=dark; {OPERATOR}=secret; lang=en")
    assert colours["blue"].requests[0].headers["cookie"] == OTHER_COOKIES


@pytest.mark.parametrize(
    "cookies",
    [
        f"{PREVIEW}=green",
        f"{PREVIEW}=green.4102444800.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        f"{OPERATOR}=anything; {PREVIEW}=green",
        f"{CLIENT}=green",
        f"{CLIENT}=../green/0",
        f"{CLIENT}=%2e%2e%2fgreen%2f0",
        f"{CLIENT}=0; {CLIENT}=1",
        "colour=green; bucket=0",
    ],
)
def test_no_cookie_chooses_the_colour(edge: EdgeUnderTest, colours: dict[str, ColourUnderTest], cookies: str) -> None:  # noqa: F811
    for address in ("/", "/?colour=green&bucket=0", "/api/orders", "/preview/green"):
        answer = ask(edge.port, edge, f"Cookie: {cookies}", "X-Echobase-Colour: green", "X-Bucket: 0", first=f"GET {address} HTTP/1.1")
        assert answer.status == 200
    assert len(colours["blue"].requests) == 4
    assert colours["green"].requests == []


def test_of_two_cookies_the_first_is_the_client(edge: EdgeUnderTest) -> None:  # noqa: F811
    """Both ways round, so that a client is one client and nobody is moved by an added cookie."""
    first, second = new_client_id(), new_client_id()
    answers = [ask(edge.port, edge, f"Cookie: {CLIENT}={one}; {CLIENT}={other}") for one, other in ((first, second), (second, first))]
    assert [answer.status for answer in answers] == [200, 200]
    assert not any("set-cookie" in answer.head.lower() for answer in answers)


def test_another_method_in_a_header_means_nothing_here(edge: EdgeUnderTest, colours: dict[str, ColourUnderTest]) -> None:  # noqa: F811
    ask(edge.port, edge, "X-HTTP-Method-Override: DELETE", "X-Method-Override: DELETE", first="GET /api/orders/1 HTTP/1.1")
    assert [request.method for request in colours["blue"].requests] == ["GET"]


@pytest.mark.parametrize("host", ['"><script>', "user@evil.example", "localhost,evil.example", "evil example", "localhost/../x", "..", ""])
def test_a_name_that_is_none_reaches_no_colour(edge: EdgeUnderTest, colours: dict[str, ColourUnderTest], host: str) -> None:  # noqa: F811
    assert ask(edge.port, edge, host=f"Host: {host}").status == 400
    assert colours["blue"].requests == []


def test_two_names_or_none_are_refused(edge: EdgeUnderTest, colours: dict[str, ColourUnderTest]) -> None:  # noqa: F811
    assert ask(edge.port, edge, "Host: evil.example").status == 400
    assert ask(edge.port, edge, host="X: no host").status == 400
    assert colours["blue"].requests == []


@pytest.mark.parametrize("path", ["/edge/health", "/edge/ready"])
def test_a_simple_health_check_need_not_name_a_host(edge: EdgeUnderTest, path: str) -> None:  # noqa: F811
    with RawConnection(edge.port, edge.tls_context()) as connection:
        connection.send(f"GET {path} HTTP/1.0\r\n\r\n".encode())
        assert [answer.status for answer in connection.answers()] == [200]


@pytest.mark.parametrize("host", ["localhost", "shop.example:8443", "[::1]:443", "10.0.0.1", "a_b.example"])
def test_a_proper_name_passes(edge: EdgeUnderTest, colours: dict[str, ColourUnderTest], host: str) -> None:  # noqa: F811
    assert ask(edge.port, edge, host=f"Host: {host}").status == 200
    assert colours["blue"].requests[0].headers["host"] == host


# --- which files a client may reach ----------------------------------------------------------------------

WAYS_IN = [
    "/routes/current/generation",
    "/tmp/table/current/generation",
    "/tmp/leaving",
    "/edge/../routes/current/generation",
    "/edge/ready/../../routes/current/generation",
    "/edge/ready/..;/routes/current/generation",
    "/edge/pages/../nginx.conf",
    "/edge/pages/..%2fnginx.conf",
    "/edge/pages/%2e%2e/nginx.conf",
    "/edge/pages/%2e%2e%2fnginx.conf",
    "/edge/pages/..%5cnginx.conf",
    "/edge/pages/%252e%252e%252fnginx.conf",
    "/edge/pages/....//nginx.conf",
    "/edge/pages../nginx.conf",
    "/edge/pages/choose.html",
    "/edge/pages/routing-table-unreadable.json",
    "/edge//pages/choose.html",
    "//edge/pages/choose.html",
    "/./edge/pages/choose.html",
    "/x/../edge/pages/choose.html",
    "/%65dge/pages/choose.html",
    "/edge/nginx.conf",
    "/edge/ca.crt",
    "/edge/",
    "/edge",
    "/edge/desk/session",
    "/edge/desk/preview",
    "/edge/desk/refusal",
    "/edge/desk/../../tls/tls.key",
    "/tls/tls.key",
    "/tls/../tls/tls.key",
    "/logs/access.log",
    "/edge-log/access.log",
    "/../../../../etc/passwd",
    "/..%2f..%2f..%2fetc%2fpasswd",
    "/%2e%2e/%2e%2e/etc/passwd",
    "/assets/../edge/nginx.conf",
    "/assets/..%2f..%2ftls/tls.key",
    "/api/../edge/nginx.conf",
    "/in-flight",
    "//in-flight",
    "/in%2dflight",
    "/x/../in-flight",
    "/in-flight?x=/api/",
    "/@look_again",
    "/@replay",
    "/@leave",
]
_OURS = re.compile(rb"proxy_pass|worker_processes|BEGIN|root:x:|Which colour|cannot tell who|Active connections|in_flight|\"upstream\":")


@pytest.mark.parametrize("address", WAYS_IN)
@pytest.mark.parametrize("entrance", ["port", "operators_port"])
def test_no_address_leads_to_the_edges_own_files(
    edge: EdgeUnderTest,  # noqa: F811
    colours: dict[str, ColourUnderTest],  # noqa: F811
    entrance: str,
    address: str,
) -> None:
    answer = ask(getattr(edge, entrance), edge, first=f"GET {address} HTTP/1.1")
    generation = str(edge.routes.current().number).encode()
    assert answer.body.strip() != generation
    if answer.status == 200:
        # A colour was asked for exactly this address: what it makes of it is its own affair, and it has no such files.
        (seen,) = colours["blue"].requests
        assert (entrance, seen.path) == ("port", address)
        assert "x-echobase-colour: blue" in answer.head.lower()
    else:
        assert not _OURS.search(answer.body), answer.body
        assert colours["blue"].requests == []
    if "in-flight" in address or "in%2dflight" in address:
        assert colours["blue"].requests == []
    assert colours["green"].requests == []


@pytest.mark.parametrize(
    "address", ["/", "/api/orders", "/preview/green", "/preview/..%2f", "/grafana/", "/edge/metrics", "/x/../login/../"]
)
@pytest.mark.parametrize("cookies", ["", f"{OPERATOR}=", f"{OPERATOR}=x; {PREVIEW}=green", f"{PREVIEW}=green.4102444800.AAAA"])
def test_without_the_desk_nobody_passes_the_operators_entrance(
    edge: EdgeUnderTest,  # noqa: F811
    colours: dict[str, ColourUnderTest],  # noqa: F811
    address: str,
    cookies: str,
) -> None:
    """No desk runs here, so nobody can be let in: whatever the edge cannot ask about is closed."""
    for method in ("GET", "POST", "PUT", "OPTIONS"):
        answer = ask(edge.operators_port, edge, f"Cookie: {cookies}", "Content-Length: 0", first=f"{method} {address} HTTP/1.1")
        assert answer.status in (401, 403, 404, 405, 503), (method, answer.head)
    assert colours["blue"].requests == colours["green"].requests == []


def test_the_status_page_is_for_this_machine_whatever_a_client_claims(edge: EdgeUnderTest) -> None:  # noqa: F811
    own_address = subprocess.run(["hostname", "-I"], check=True, capture_output=True, text=True).stdout.split()[0]
    claims = {"X-Forwarded-For": "127.0.0.1", "X-Real-IP": "127.0.0.1", "Forwarded": "for=127.0.0.1", "Host": "localhost"}
    assert httpx.get(f"https://{own_address}:{edge.port}/edge/status", verify=False, headers=claims).status_code == 403


# --- how well it has to encrypt --------------------------------------------------------------------------

SSL3, TLS10, TLS11, TLS12 = 0x0300, 0x0301, 0x0302, 0x0303
GOOD = [0xC02B, 0xC02C, 0xCCA9]
OLD = [0xC009, 0xC00A, 0x002F, 0x0035]
WEAK = {
    "nothing encrypted": [0x0001, 0x0002, 0x003B, 0xC006],
    "nobody identified": [0x0034, 0xC018, 0x006C, 0x00A6],
    "export": [0x0003, 0x0008, 0x0014],
    "RC4": [0x0005, 0xC007, 0xC011],
    "3DES": [0x000A, 0xC008, 0xC012],
    "CBC": [0xC009, 0xC00A, 0xC023, 0xC024],
    "no forward secrecy": [0x002F, 0x009C, 0x009D],
    "finite-field Diffie-Hellman": [0x009E, 0x009F],
}
PROTOCOL_VERSION, HANDSHAKE_FAILURE, INAPPROPRIATE_FALLBACK = 70, 40, 86


@pytest.mark.parametrize("entrance", ["port", "operators_port"])
@pytest.mark.parametrize("version", [SSL3, TLS10, TLS11])
def test_old_protocols_are_refused(edge: EdgeUnderTest, entrance: str, version: int) -> None:  # noqa: F811
    answer = offer(getattr(edge, entrance), version, [*GOOD, *OLD])
    assert answer.alert in (PROTOCOL_VERSION, HANDSHAKE_FAILURE)


@pytest.mark.parametrize("ciphers", WEAK.values(), ids=WEAK)
def test_weak_ciphers_are_refused(edge: EdgeUnderTest, ciphers: list[int]) -> None:  # noqa: F811
    assert offer(edge.port, TLS12, ciphers) == TlsAnswer(alert=HANDSHAKE_FAILURE)


def test_the_best_common_cipher_is_taken_without_compression(edge: EdgeUnderTest) -> None:  # noqa: F811
    answer = offer(edge.port, TLS12, [*OLD, *GOOD])
    assert (answer.version, answer.compression) == (TLS12, 0)
    assert answer.cipher in GOOD


def test_a_client_that_was_pressed_back_is_told(edge: EdgeUnderTest) -> None:  # noqa: F811
    """It says so by a pseudo-cipher when somebody in between made a better handshake fail."""
    assert offer(edge.port, TLS12, [*GOOD, 0x5600]) == TlsAnswer(alert=INAPPROPRIATE_FALLBACK)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize(("offered", "chosen"), [(["h2", "http/1.1"], "h2"), (["http/1.1"], "http/1.1"), ([], None)])
def test_current_protocols_are_accepted(
    edge: EdgeUnderTest,  # noqa: F811
    version: ssl.TLSVersion,
    offered: list[str],
    chosen: str | None,
) -> None:
    context = edge.tls_context()
    context.minimum_version = context.maximum_version = version
    if offered:
        context.set_alpn_protocols(offered)
    with RawConnection(edge.port, context) as connection:
        assert isinstance(connection.socket, ssl.SSLSocket)
        assert (connection.socket.version(), connection.socket.selected_alpn_protocol()) == (version.name.replace("_", "."), chosen)


def test_renegotiation_is_refused(edge: EdgeUnderTest) -> None:  # noqa: F811
    command = ["docker", "exec", "--interactive", edge.container, "openssl", "s_client", "-connect", f"localhost:{edge.port}"]
    command += ["-tls1_2", "-CAfile", "/edge/ca.crt"]
    # To openssl, a line with R alone asks for a new handshake within the connection.
    tried = subprocess.run(command, input=b"R\n", capture_output=True, check=False, timeout=60)
    assert b"RENEGOTIATING" in tried.stderr
    assert b"no renegotiation" in tried.stderr
    assert tried.returncode != 0


def test_plain_http_is_shown_the_way_and_gets_nothing(edge: EdgeUnderTest, colours: dict[str, ColourUnderTest]) -> None:  # noqa: F811
    for port in (edge.port, edge.operators_port):
        with RawConnection(port, None) as connection:
            connection.send(f"GET /api/orders?limit=5 HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n".encode())
            (answer,) = connection.answers()
        assert (answer.status, f"location: https://localhost:{port}/api/orders?limit=5" in answer.head.lower()) == (308, True)
        assert "set-cookie" not in answer.head.lower()
    assert colours["blue"].requests == []


def test_hsts_is_said_on_every_kind_of_answer(edge: EdgeUnderTest, customer: httpx.Client) -> None:  # noqa: F811
    for path, status in (("/", 200), ("/api/orders", 200), ("/in-flight", 404)):
        answer = customer.get(path)
        assert (answer.status_code, answer.headers.get("Strict-Transport-Security")) == (status, "max-age=31536000"), path


def test_nothing_tells_the_servers_version(edge: EdgeUnderTest, customer: httpx.Client) -> None:  # noqa: F811
    for answer in (customer.get("/"), customer.get("/in-flight"), customer.get("/edge/pages/x")):
        assert not re.search(r"nginx/\d", str(answer.headers) + answer.text)


def test_answers_with_secrets_are_not_compressed(
    customer: httpx.Client,  # noqa: F811
    colours: dict[str, ColourUnderTest],  # noqa: F811
) -> None:
    """Whoever can have his own words put beside a secret would learn it from the answer's length."""
    accepting = {"Accept-Encoding": "gzip, br"}
    for path in ("/api/orders", "/api/auth/login", "/api/auth/register"):
        colours["blue"].padding[path] = 5000
    assert customer.get("/api/orders", headers=accepting).headers.get("Content-Encoding") in ("gzip", "br")
    for path in ("/api/auth/login", "/api/auth/register"):
        answer = customer.post(path, headers=accepting)
        assert (answer.status_code, answer.headers.get("Content-Encoding")) == (200, None)
