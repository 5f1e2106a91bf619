"""Two servers that disagree where a request ends let one client write into another's connection. Ours refuse, or agree."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from harness.colour_under_test import ColourUnderTest
from harness.edge_fixtures import blue_is_live, colours, customer, edge  # noqa: F401 - fixtures
from harness.edge_under_test import EdgeUnderTest
from harness.raw_http1 import RawConnection
from harness.raw_http2 import Header, RawHttp2

EDGE_PLACE = ("smuggling", 30443, "127.68")

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
# What well-behaved connections end with, so that the edge hangs up whatever it made of the rest.
END = b"GET /end HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"
CHUNKED = "Transfer-Encoding: chunked"
REFUSED = {400, 405, 501, 505}


def post(*lines: str, body: bytes = b"") -> bytes:
    return "\r\n".join(["POST /victim HTTP/1.1", "Host: localhost", *lines, "", ""]).encode("latin-1") + body


def get(*lines: str, first: str = "GET /victim HTTP/1.1") -> bytes:
    return "\r\n".join([first, *lines, "", ""]).encode("latin-1")


@pytest.fixture(autouse=True)
def the_next_customer_is_unharmed(customer: httpx.Client, colours: dict[str, ColourUnderTest]) -> Iterator[None]:  # noqa: F811
    yield
    answer = customer.post("/api/innocent", content=b"mine")
    assert (answer.status_code, answer.json()["path"], answer.json()["body"]) == (200, "/api/innocent", "mine")
    assert "/smuggled" not in [request.path for colour in colours.values() for request in colour.requests]


REFUSED_REQUESTS = {
    "length and chunks": post(f"Content-Length: {len(LAST_CHUNK + SMUGGLED)}", CHUNKED, body=LAST_CHUNK + SMUGGLED),
    "chunks and length": post(CHUNKED, "Content-Length: 4", body=b"%x\r\n" % len(SMUGGLED) + SMUGGLED + b"\r\n" + LAST_CHUNK),
    "two lengths": post("Content-Length: 0", f"Content-Length: {len(SMUGGLED)}", body=SMUGGLED),
    "the same length twice": post("Content-Length: 2", "Content-Length: 2", body=b"ab"),
    "list of lengths": post("Content-Length: 2, 2", body=b"ab"),
    "length with a sign": post("Content-Length: +2", body=b"ab"),
    "negative length": post("Content-Length: -1"),
    "hexadecimal length": post("Content-Length: 0x2", body=b"ab"),
    "empty length": post("Content-Length:"),
    "length beyond 64 bits": post("Content-Length: 18446744073709551618", body=b"ab"),
    "length with a gap": post("Content-Length: 2 2", body=b"ab"),
    "length after a vertical tab": post("Content-Length: \x0b2", body=b"ab"),
    "unknown coding": post("Transfer-Encoding: xchunked", body=LAST_CHUNK + SMUGGLED),
    "coding after a tab": post("Transfer-Encoding:\tchunked", body=LAST_CHUNK + SMUGGLED),
    "coding after a vertical tab": post("Transfer-Encoding: \x0bchunked", body=LAST_CHUNK + SMUGGLED),
    "coding with a zero byte": post("Transfer-Encoding: chunked\x00", body=LAST_CHUNK + SMUGGLED),
    "quoted coding": post('Transfer-Encoding: "chunked"', body=LAST_CHUNK + SMUGGLED),
    "two codings": post(CHUNKED, "Transfer-Encoding: identity", body=LAST_CHUNK + SMUGGLED),
    "the same coding twice": post(CHUNKED, CHUNKED, body=LAST_CHUNK + SMUGGLED),
    "list of codings": post("Transfer-Encoding: gzip, chunked", body=LAST_CHUNK + SMUGGLED),
    "chunks, then none": post("Transfer-Encoding: chunked, identity", body=LAST_CHUNK + SMUGGLED),
    "no coding by name": post("Transfer-Encoding: identity", body=SMUGGLED),
    "folded coding": post("Transfer-Encoding:\r\n chunked", body=LAST_CHUNK + SMUGGLED),
    "chunks in HTTP/1.0": get("Host: localhost", CHUNKED, "Connection: keep-alive", first="POST /victim HTTP/1.0") + LAST_CHUNK + SMUGGLED,
    "space before the colon": post("Transfer-Encoding : chunked", "Content-Length: 0", body=LAST_CHUNK + SMUGGLED),
    "length with a space before the colon": post(f"Content-Length : {len(SMUGGLED)}", body=SMUGGLED),
    "folded header": post("X: y", " z", "Content-Length: 0"),
    "first header is folded": get(" X: y", "Host: localhost"),
    "header after a bare LF": post("X: y\nTransfer-Encoding: chunked", "Content-Length: 0", body=LAST_CHUNK + SMUGGLED),
    "header after a bare CR": post("X: y\rTransfer-Encoding: chunked", "Content-Length: 0"),
    "zero byte in a header": get("Host: localhost", "X: a\x00b"),
    "control character in a name": get("Host: localhost", "X\x01: a"),
    "space in a name": get("Host: localhost", "X Y: a"),
    "header without a name": get("Host: localhost", ": a"),
    "negative chunk": post(CHUNKED, body=b"-2\r\nab\r\n" + LAST_CHUNK),
    "prefixed chunk size": post(CHUNKED, body=b"0x2\r\nab\r\n" + LAST_CHUNK),
    "chunk size beyond 64 bits": post(CHUNKED, body=b"10000000000000002\r\nab\r\n" + LAST_CHUNK),
    "largest chunk size": post(CHUNKED, body=b"7fffffffffffffff\r\nab\r\n" + LAST_CHUNK),
    "chunk longer than it says": post(CHUNKED, body=b"2\r\nabcd\r\n" + LAST_CHUNK),
    "chunk without a size": post(CHUNKED, body=b"\r\nab\r\n" + LAST_CHUNK),
    "space in the address": get("Host: localhost", first="GET /vic tim HTTP/1.1"),
    "tab in the address": get("Host: localhost", first="GET /vic\ttim HTTP/1.1"),
    "zero byte in the address": get("Host: localhost", first="GET /victim\x00 HTTP/1.1"),
    "encoded zero byte in the address": get("Host: localhost", first="GET /victim%00 HTTP/1.1"),
    "space before the method": get("Host: localhost", first=" GET /victim HTTP/1.1"),
    "small letters": get("Host: localhost", first="get /victim HTTP/1.1"),
    "HTTP/0.9 by name": b"GET /victim HTTP/0.9\r\n\r\n",
    "HTTP/2 by name": get("Host: localhost", first="GET /victim HTTP/2.0"),
    "a preface in clear text": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "neither path nor address": get("Host: localhost", first="GET localhost:8443 HTTP/1.1"),
    "a tunnel": get("Host: localhost", first="CONNECT 127.0.0.1:22 HTTP/1.1"),
    "a tunnel by path": get("Host: localhost", first="CONNECT /victim HTTP/1.1"),
    "trace": get("Host: localhost", first="TRACE /victim HTTP/1.1"),
}


@pytest.mark.parametrize("request_bytes", REFUSED_REQUESTS.values(), ids=REFUSED_REQUESTS)
def test_a_request_that_can_be_read_in_two_ways_is_refused(
    edge: EdgeUnderTest,  # noqa: F811
    colours: dict[str, ColourUnderTest],  # noqa: F811
    request_bytes: bytes,
) -> None:
    with RawConnection(edge.port, edge.tls_context()) as connection:
        connection.send(request_bytes + END)
        (answer,) = connection.answers()
    assert answer.status in REFUSED
    assert colours["blue"].requests == colours["green"].requests == []


CLEAR_REQUESTS = {
    "chunks": (post(CHUNKED, body=b"2\r\nab\r\n" + LAST_CHUNK), "ab"),
    "chunks in any case": (post("Transfer-Encoding: cHuNkEd", body=b"2\r\nab\r\n" + LAST_CHUNK), "ab"),
    "chunk with an extension": (post(CHUNKED, body=b"2;a=b\r\nab\r\n" + LAST_CHUNK), "ab"),
    "chunk size with zeros": (post(CHUNKED, body=b"0002\r\nab\r\n" + LAST_CHUNK), "ab"),
    "chunk after a bare LF": (post(CHUNKED, body=b"2;\nab\r\n" + LAST_CHUNK), "ab"),
    "trailer": (post(CHUNKED, body=b"2\r\nab\r\n0\r\nX-Real-IP: 6.6.6.6\r\n\r\n"), "ab"),
    "a request as chunk": (post(CHUNKED, body=b"%x\r\n" % len(SMUGGLED) + SMUGGLED + b"\r\n" + LAST_CHUNK), SMUGGLED.decode()),
    "bare LF throughout": (b"POST /victim HTTP/1.1\nHost: localhost\nContent-Length: 2\n\nab", "ab"),
    "one line that ends in a bare LF": (post("X: y\nX-Real-IP: 6.6.6.6\nContent_Length: 9", "Content-Length: 2", body=b"ab"), "ab"),
    "a length that is no header of ours": (post(f"Content_Length: {len(SMUGGLED)}", "Content-Length: 2", body=b"ab"), "ab"),
    "a coding that is no header of ours": (
        post("Transfer_Encoding: chunked", f"Content-Length: {len(LAST_CHUNK + SMUGGLED)}", body=LAST_CHUNK + SMUGGLED),
        (LAST_CHUNK + SMUGGLED).decode(),
    ),
    "the coding is said to be for one hop": (post("Connection: Transfer-Encoding", CHUNKED, body=b"2\r\nab\r\n" + LAST_CHUNK), "ab"),
    "the length is said to be for one hop": (post("Connection: Content-Length", "Content-Length: 2", body=b"ab"), "ab"),
    "a body that is a request": (post(f"Content-Length: {len(SMUGGLED)}", body=SMUGGLED), SMUGGLED.decode()),
    "a GET with a body": (get("Host: localhost", f"Content-Length: {len(SMUGGLED)}") + SMUGGLED, SMUGGLED.decode()),
    "an upgrade to HTTP/2": (post("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"), ""),
    "line without a colon": (get("Host: localhost", "Xabc"), ""),
    "empty lines first": (b"\r\n\r\n" + get("Host: localhost"), ""),
    "a full address": (get("Host: localhost", first="GET https://localhost/victim HTTP/1.1"), ""),
}


@pytest.mark.parametrize(("request_bytes", "body"), CLEAR_REQUESTS.values(), ids=CLEAR_REQUESTS)
def test_an_odd_request_reaches_a_colour_once_and_well_formed(
    edge: EdgeUnderTest,  # noqa: F811
    colours: dict[str, ColourUnderTest],  # noqa: F811
    request_bytes: bytes,
    body: str,
) -> None:
    with RawConnection(edge.port, edge.tls_context()) as connection:
        connection.send(request_bytes + END)
        assert [answer.status for answer in connection.answers()] == [200, 200]
    victim, end = colours["blue"].requests
    assert (victim.path, victim.body, end.path) == ("/victim", body, "/end")
    assert int(victim.headers.get("content-length", 0)) == len(body)
    assert not {"transfer-encoding", "transfer_encoding", "content_length", "upgrade", "trailer"} & set(victim.headers)
    assert victim.headers["x-real-ip"] == "127.0.0.1"
    assert colours["green"].requests == []


def test_a_request_of_the_first_http_is_refused(edge: EdgeUnderTest, colours: dict[str, ColourUnderTest]) -> None:  # noqa: F811
    with RawConnection(edge.port, edge.tls_context()) as connection:
        connection.send(b"GET /victim\r\n")
        while connection.socket.recv(65536):
            pass
    assert colours["blue"].requests == []


def test_a_refused_upgrade_opens_no_tunnel(edge: EdgeUnderTest, colours: dict[str, ColourUnderTest]) -> None:  # noqa: F811
    """Without a key the colour answers 200, and what follows is read by the edge, which says who really asks."""
    follower = b"GET /follower HTTP/1.1\r\nHost: localhost\r\nX-Real-IP: 6.6.6.6\r\nConnection: close\r\n\r\n"
    with RawConnection(edge.port, edge.tls_context()) as connection:
        connection.send(get("Host: localhost", "Upgrade: websocket", "Connection: Upgrade") + follower)
        assert [answer.status for answer in connection.answers()] == [200, 200]
    assert [(request.path, request.headers["x-real-ip"]) for request in colours["blue"].requests] == [
        ("/victim", "127.0.0.1"),
        ("/follower", "127.0.0.1"),
    ]


# --- HTTP/2, which becomes HTTP/1.1 on the way to a colour ------------------------------------------------


def pseudo(method: str = "POST", path: str = "/victim", authority: str = "localhost", scheme: str = "https") -> list[Header]:
    return [(":method", method), (":scheme", scheme), (":path", path), (":authority", authority)]


BODY = LAST_CHUNK + SMUGGLED
REFUSED_STREAMS: dict[str, tuple[list[Header], bytes | None]] = {
    "length too short": ([*pseudo(), ("content-length", "5")], BODY),
    "length too long": ([*pseudo(), ("content-length", "500")], BODY),
    "length zero": ([*pseudo(), ("content-length", "0")], BODY),
    "two lengths": ([*pseudo(), ("content-length", "0"), ("content-length", str(len(BODY)))], BODY),
    "length with a sign": ([*pseudo(), ("content-length", f"+{len(BODY)}")], BODY),
    "line end in a value": ([*pseudo(), ("x", "y\r\nTransfer-Encoding: chunked")], BODY),
    "LF in a value": ([*pseudo(), ("x", "y\nTransfer-Encoding: chunked")], BODY),
    "CR in a value": ([*pseudo(), ("x", "y\rTransfer-Encoding: chunked")], BODY),
    "zero byte in a value": ([*pseudo(), ("x", "y\x00z")], BODY),
    "line end in a name": ([*pseudo(), ("x: y\r\nTransfer-Encoding", "chunked")], BODY),
    "colon in a name": ([*pseudo(), ("transfer-encoding:chunked", "z")], BODY),
    "capitals in a name": ([*pseudo(), ("Transfer-Encoding", "chunked")], BODY),
    "space after a name": ([*pseudo(), ("transfer-encoding ", "chunked")], BODY),
    "empty name": ([*pseudo(), ("", "z")], None),
    "request in the path": (pseudo(path="/victim HTTP/1.1\r\nHost: localhost\r\n\r\nGET /smuggled"), None),
    "space in the path": (pseudo(path="/victim HTTP/1.1"), None),
    "empty path": (pseudo(path=""), None),
    "address for a path": (pseudo(path="https://localhost/victim"), None),
    "path without a slash": (pseudo(path="victim"), None),
    "request in the method": (pseudo(method="GET /smuggled HTTP/1.1\r\nX: "), None),
    "a tunnel": ([(":method", "CONNECT"), (":authority", "127.0.0.1:22")], None),
    "an extended tunnel": ([*pseudo(method="CONNECT"), (":protocol", "websocket")], None),
    "trace": (pseudo(method="TRACE"), None),
    "odd scheme": (pseudo(scheme="https://evil/?"), None),
    "line end in the host": (pseudo(authority="localhost\r\nX: y"), None),
    "path in the host": (pseudo(authority="localhost/x"), None),
    "two hosts": ([*pseudo(), ("host", "evil.example")], None),
    "no host": (pseudo()[:3], None),
    "two paths": ([*pseudo(), (":path", "/smuggled")], None),
    "two methods": ([(":method", "GET"), *pseudo()], None),
    "no path": ([header for header in pseudo() if header[0] != ":path"], None),
    "unknown pseudo header": ([*pseudo(), (":evil", "y")], None),
}


@pytest.mark.parametrize(("headers", "body"), REFUSED_STREAMS.values(), ids=REFUSED_STREAMS)
def test_a_stream_that_http1_could_not_say_is_refused(
    edge: EdgeUnderTest,  # noqa: F811
    colours: dict[str, ColourUnderTest],  # noqa: F811
    headers: list[Header],
    body: bytes | None,
) -> None:
    with RawHttp2(edge.port, edge.tls_context()) as connection:
        end = connection.await_end(connection.open(headers, body))
    assert end.status in REFUSED or connection.goodbye
    assert colours["blue"].requests == colours["green"].requests == []


CLEAR_STREAMS: dict[str, list[Header]] = {
    "coding": [("transfer-encoding", "chunked")],
    "connection": [("connection", "transfer-encoding"), ("transfer-encoding", "chunked")],
    "keep-alive": [("connection", "keep-alive"), ("keep-alive", "timeout=5")],
    "te": [("te", "gzip")],
    "upgrade": [("connection", "upgrade"), ("upgrade", "h2c")],
}


@pytest.mark.parametrize("headers", CLEAR_STREAMS.values(), ids=CLEAR_STREAMS)
def test_headers_of_one_connection_do_not_travel_on(
    edge: EdgeUnderTest,  # noqa: F811
    colours: dict[str, ColourUnderTest],  # noqa: F811
    headers: list[Header],
) -> None:
    with RawHttp2(edge.port, edge.tls_context()) as connection:
        assert connection.await_end(connection.open([*pseudo(), *headers], BODY)).status == 200
    (seen,) = colours["blue"].requests
    assert (seen.path, seen.body, int(seen.headers["content-length"])) == ("/victim", BODY.decode(), len(BODY))
    assert not {"transfer-encoding", "connection", "keep-alive", "te", "upgrade"} & set(seen.headers)


def test_a_stream_becomes_no_tunnel(edge: EdgeUnderTest, colours: dict[str, ColourUnderTest]) -> None:  # noqa: F811
    upgrade = [("connection", "upgrade"), ("upgrade", "websocket"), ("sec-websocket-key", "c2VjcmV0"), ("sec-websocket-version", "13")]
    with RawHttp2(edge.port, edge.tls_context()) as connection:
        end = connection.await_end(connection.open([*pseudo(method="GET"), *upgrade], SMUGGLED))
        assert end.status != 101
        assert connection.await_end(connection.open(pseudo(path="/after"))).status == 200
    assert [request.path for request in colours["blue"].requests if request.path != "/victim"] == ["/after"]
