"""Clients that are slow, large or many on purpose: they are cut off, and everybody else is served meanwhile."""

from __future__ import annotations

import json
import select
import socket
import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass

import h2.settings
import httpx
import pytest
from hyperframe.frame import ContinuationFrame, HeadersFrame

from harness.colour_under_test import ColourUnderTest
from harness.edge_fixtures import blue_is_live, colours, customer  # noqa: F401 - fixtures
from harness.edge_under_test import EdgeUnderTest, edge_facts
from harness.images_under_test import image_tag
from harness.raw_http1 import RawAnswer, RawConnection
from harness.raw_http2 import RawHttp2
from harness.waiting import eventually

SHORT = "3s"
LONG_TIMEOUTS = ("client_header_timeout 15s;", "client_body_timeout 30s;", "send_timeout 60s;")
CONNECTIONS_PER_CLIENT = 150
STREAMS = 128
CALM_DOWN, REFUSED_STREAM = 11, 7
PATIENCE = 60
HEAD = b"POST /api/slow HTTP/1.1\r\nHost: localhost\r\n"
END = b"GET /end HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
REQUEST = [(":method", "POST"), (":scheme", "https"), (":path", "/api/flood"), (":authority", "localhost")]


@dataclass
class ImpatientEdge(EdgeUnderTest):
    """The same configuration with shorter timeouts, so that a test need not wait for the long ones."""

    def render(self, template: str) -> str:
        text = super().render(template)
        if template != "nginx.conf.j2":
            return text
        for timeout in LONG_TIMEOUTS:
            assert text.count(f"\n    {timeout}") == 1, timeout
            text = text.replace(f"\n    {timeout}", f"\n    {timeout.split(' ')[0]} {SHORT};")
        return text


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EdgeUnderTest]:
    facts = edge_facts(tmp_path_factory.mktemp("edge"), "floods", 30463, "127.68")
    edge = ImpatientEdge(facts, image_tag("nginx"), {"edge_connections_per_client": CONNECTIONS_PER_CLIENT})
    try:
        edge.start()
        yield edge
    finally:
        edge.stop()


def crowd(edge: EdgeUnderTest, stack: ExitStack, size: int, said: bytes) -> list[RawConnection]:
    """Connections of many clients, each of which has said the same and says no more."""
    context = edge.tls_context()
    connections = [stack.enter_context(RawConnection(edge.port, context, f"127.0.9.{1 + n % 200}")) for n in range(size)]
    for connection in connections:
        connection.send(said)
    return connections


def assert_served(customer: httpx.Client) -> None:  # noqa: F811
    for number in range(10):
        answer = customer.post("/api/orders", content=str(number))
        assert (answer.status_code, answer.json()["body"]) == (200, str(number))


def await_cut_off(connections: Iterable[RawConnection], tick: bytes = b"") -> None:
    """Until the edge has hung up on all of them; meanwhile each goes on saying `tick`."""
    left = list(connections)

    def all_are_cut_off() -> bool:
        left[:] = [connection for connection in left if not _is_cut_off(connection, tick)]
        return not left

    eventually(all_are_cut_off, lambda: f"{len(left)} connections still stand", PATIENCE, interval=0.2)


def _is_cut_off(connection: RawConnection, tick: bytes) -> bool:
    try:
        if tick:
            connection.send(tick)
        poll = select.poll()
        poll.register(connection.socket, select.POLLIN)
        for _, events in poll.poll(0):
            if events & (select.POLLHUP | select.POLLERR):
                return True
            # What is there is a 408 or the end.
            if connection.answer() is None:
                return True
    except (OSError, ssl.SSLError):
        return True
    return False


def test_half_requests_hold_up_nobody_and_are_cut_off(
    edge: EdgeUnderTest,
    customer: httpx.Client,  # noqa: F811
    colours: dict[str, ColourUnderTest],  # noqa: F811
) -> None:
    with ExitStack() as stack:
        silent = crowd(edge, stack, 50, b"")
        halves = crowd(edge, stack, 150, HEAD)
        dripping = crowd(edge, stack, 50, HEAD)
        bodies = crowd(edge, stack, 150, HEAD + b"Content-Length: 1000\r\n\r\nhalf")
        assert_served(customer)
        await_cut_off(dripping, tick=b"x")
        await_cut_off([*silent, *halves, *bodies])
    assert_served(customer)
    assert not [request for request in colours["blue"].requests if request.path == "/api/slow"]


def test_who_does_not_read_holds_up_no_colour_and_is_cut_off(
    edge: EdgeUnderTest,
    customer: httpx.Client,  # noqa: F811
    colours: dict[str, ColourUnderTest],  # noqa: F811
) -> None:
    colours["blue"].padding["/api/large"] = 10_000_000
    with ExitStack() as stack:
        readers = crowd(edge, stack, 10, b"GET /api/large HTTP/1.1\r\nHost: localhost\r\n\r\n")
        end = time.monotonic() + PATIENCE
        while len(colours["blue"].sent) < len(readers):
            assert time.monotonic() < end, "a slow reader holds up the colour"
            assert_served(customer)
        for reader in readers:
            poll = select.poll()
            poll.register(reader.socket, 0)
            assert poll.poll(PATIENCE * 1000), "who does not read is never cut off"


def test_one_client_cannot_take_all_connections(
    edge: EdgeUnderTest,
    customer: httpx.Client,  # noqa: F811
    colours: dict[str, ColourUnderTest],  # noqa: F811
) -> None:
    greedy, context = "127.0.9.250", edge.tls_context()
    release = colours["blue"].held["/api/held"] = threading.Event()
    with ExitStack() as stack:
        stack.callback(release.set)
        taken = [stack.enter_context(RawConnection(edge.port, context, greedy)) for _ in range(CONNECTIONS_PER_CLIENT)]
        for connection in taken:
            connection.send(b"GET /api/held HTTP/1.1\r\nHost: localhost\r\n\r\n")
        eventually(lambda: len(colours["blue"].requests) >= CONNECTIONS_PER_CLIENT, "all of them reach the colour", PATIENCE)
        assert status_for(edge, greedy) == 429
        assert_served(customer)
        release.set()
        assert {answer.status for connection in taken if (answer := connection.answer())} == {200}
        assert status_for(edge, greedy) == 200


def status_for(edge: EdgeUnderTest, client: str) -> int:
    with RawConnection(edge.port, edge.tls_context(), client) as connection:
        connection.send(END)
        (answer,) = connection.answers()
    return answer.status


# --- too large -------------------------------------------------------------------------------------------

BODY = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n" * 50_000
TOO_LARGE = {
    "address": (414, b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    "header": (431, b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 9000 + b"\r\n\r\n"),
    "headers": (431, b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"".join(b"X%d: %s\r\n" % (n, b"a" * 1000) for n in range(40)) + b"\r\n"),
    "cookies": (431, b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"Cookie: echobase_test_client=%s\r\n" % (b"0" * 4000) * 20 + b"\r\n"),
    "body": (413, HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY),
    "chunked body": (413, HEAD + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(BODY) + BODY + b"\r\n0\r\n\r\n"),
    "announced body": (413, HEAD + b"Content-Length: 9223372036854775807\r\n\r\n"),
}


@pytest.mark.parametrize(("status", "said"), TOO_LARGE.values(), ids=TOO_LARGE)
def test_too_large_is_said_so_and_ends_there(
    edge: EdgeUnderTest,
    customer: httpx.Client,  # noqa: F811
    colours: dict[str, ColourUnderTest],  # noqa: F811
    status: int,
    said: bytes,
) -> None:
    with RawConnection(edge.port, edge.tls_context()) as connection:
        # It may hang up before it has heard everything; its answer is there all the same.
        with suppress(OSError):
            connection.send(said + END)
        answers = connection.answers()
    assert [answer.status for answer in answers] == [status]
    assert_is_friendly(answers[0])
    assert colours["blue"].requests == []
    assert_served(customer)


def assert_is_friendly(answer: RawAnswer) -> None:
    assert "content-type: application/problem+json" in answer.head.lower()
    problem = json.loads(answer.body)
    assert (problem["status"], bool(problem["title"])) == (answer.status, True)


# --- HTTP/2 ----------------------------------------------------------------------------------------------


def test_headers_without_end_close_the_connection(edge: EdgeUnderTest, customer: httpx.Client) -> None:  # noqa: F811
    with RawHttp2(edge.port, edge.tls_context()) as connection:
        headers = HeadersFrame(1)
        headers.data = connection.h2.encoder.encode(REQUEST)
        continuation = ContinuationFrame(1)
        continuation.data = connection.h2.encoder.encode([("x", "a" * 4000)])
        with suppress(OSError):
            connection.socket.sendall(headers.serialize() + continuation.serialize() * 200)
        while connection.is_open:
            connection.receive()
    assert_served(customer)


def test_headers_that_go_on_with_nothing_end_and_hold_up_nobody(edge: EdgeUnderTest, customer: httpx.Client) -> None:  # noqa: F811
    """nginx has no limit for empty frames, but it compares what it reads with what it learns: after about 8 MiB of nothing it hangs up."""
    with RawHttp2(edge.port, edge.tls_context()) as connection:
        headers = HeadersFrame(1)
        headers.data = connection.h2.encoder.encode(REQUEST)
        connection.socket.sendall(headers.serialize())
        piece = ContinuationFrame(1).serialize() * 7000
        # More than it takes, since what it has not read yet counts here, too. It goes on reading for a while after it has hung up.
        for _ in range((16 << 20) // len(piece)):
            with suppress(OSError):
                connection.socket.sendall(piece)
        assert_served(customer)
        with suppress(ConnectionResetError):
            while connection.socket.recv(65536):
                pass
    assert_served(customer)


def test_large_headers_close_the_connection(
    edge: EdgeUnderTest,
    customer: httpx.Client,  # noqa: F811
    colours: dict[str, ColourUnderTest],  # noqa: F811
) -> None:
    for headers in ([("x", "a" * 30_000)], [(f"x{n}", "a" * 1000) for n in range(60)], [("x", "a" * 4000)] * 300):
        with RawHttp2(edge.port, edge.tls_context()) as connection:
            end = connection.await_end(connection.open([*REQUEST, *headers]))
            assert connection.goodbye == CALM_DOWN or end.status in (400, 431)
    assert colours["blue"].requests == []
    assert_served(customer)


def test_streams_beyond_the_limit_are_refused(edge: EdgeUnderTest, customer: httpx.Client) -> None:  # noqa: F811
    with RawHttp2(edge.port, edge.tls_context()) as connection:
        ignore_stream_limit(connection)
        streams = [connection.open(REQUEST, ends=False) for _ in range(STREAMS + 10)]
        assert connection.await_end(streams[-1]).reset == REFUSED_STREAM
        assert_served(customer)


def test_streams_that_are_opened_only_to_be_reset_are_bounded(
    edge: EdgeUnderTest,
    customer: httpx.Client,  # noqa: F811
    colours: dict[str, ColourUnderTest],  # noqa: F811
) -> None:
    opened = 3000
    with RawHttp2(edge.port, edge.tls_context()) as connection:
        ignore_stream_limit(connection)
        for _ in range(opened):
            connection.h2.reset_stream(connection.open(REQUEST))
        connection.flush()
        while connection.is_open:
            connection.receive()
        assert connection.goodbye is not None
    assert_served(customer)
    flood = [request for request in colours["blue"].requests if request.path == "/api/flood"]
    assert len(flood) < opened / 2


def ignore_stream_limit(connection: RawHttp2) -> None:
    while connection.h2.remote_settings.max_concurrent_streams > STREAMS:
        connection.receive()
    assert connection.h2.remote_settings.max_concurrent_streams == STREAMS
    connection.h2.remote_settings[h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS] = 2**31 - 1
    connection.h2.remote_settings.acknowledge()


def test_a_connection_that_says_nothing_in_tls_is_cut_off(edge: EdgeUnderTest, customer: httpx.Client) -> None:  # noqa: F811
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_connection(("127.0.0.1", edge.port), timeout=PATIENCE)) for _ in range(50)]
        for half in sockets[::2]:
            half.sendall(b"\x16\x03\x01")
        assert_served(customer)
        for connection in sockets:
            with suppress(ConnectionResetError):
                assert connection.recv(1024) == b""
