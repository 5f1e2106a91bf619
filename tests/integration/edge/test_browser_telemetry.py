"""What browsers tell of their pages passes the edge to the collector: little of each, and nothing that anybody would have to look at."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from harness.colour_under_test import ColourUnderTest
from harness.edge_fixtures import blue_is_live, colours, customer, edge
from harness.edge_under_test import EdgeUnderTest

__all__ = ["blue_is_live", "colours", "customer", "edge"]

EDGE_PLACE = ("telling", 30503, "127.86")

PATH = "/otlp/v1/traces"
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def collector(edge: EdgeUnderTest) -> Iterator[ColourUnderTest]:
    """Any server will do that tells what reached it."""
    addresses = {"collector": edge.facts["collector_address"]}
    collector = ColourUnderTest("collector", addresses, edge.home / "tls" / "collector", port=4319)
    collector.start()
    yield collector
    collector.stop()


@pytest.fixture
def heard(collector: ColourUnderTest) -> ColourUnderTest:
    collector.forget()
    return collector


def browser(edge: EdgeUnderTest, address: str) -> httpx.Client:
    """Limits are by address, so each test has its own."""
    transport = httpx.HTTPTransport(local_address=address, verify=edge.tls_context())
    return httpx.Client(base_url=f"https://localhost:{edge.port}", transport=transport, timeout=20)


@pytest.mark.parametrize("kind", ["application/json", "application/x-protobuf", "application/json; charset=utf-8"])
def test_traces_reach_the_collector_without_who_told_them(edge: EdgeUnderTest, heard: ColourUnderTest, kind: str) -> None:
    secrets = {
        "Cookie": "a=s3cret",
        "Authorization": "Bearer s3cret",
        "X-Anything": "s3cret",
        "traceparent": f"00-{'a' * 32}-{'b' * 16}-01",
    }
    with browser(edge, "127.1.9.1") as client:
        answer = client.post(PATH, content=b'{"resourceSpans":[]}', headers={"Content-Type": kind} | secrets)
    assert answer.status_code == 200
    assert "Set-Cookie" not in answer.headers
    assert len(answer.headers["Trace-Id"]) == 32
    (request,) = heard.requests
    assert (request.method, request.path, request.body) == ("POST", "/v1/traces", '{"resourceSpans":[]}')
    assert request.headers == {"host": "collector.echobase.internal", "content-type": kind, "content-length": "20"}


def test_operators_browsers_may_tell_too(edge: EdgeUnderTest, heard: ColourUnderTest) -> None:
    url = f"https://localhost:{edge.operators_port}{PATH}"
    assert httpx.post(url, content=b"{}", headers=JSON, verify=edge.tls_context()).status_code == 200
    assert len(heard.requests) == 1


@pytest.mark.parametrize(
    "refused",
    [
        ("GET", PATH, JSON),
        ("PUT", PATH, JSON),
        ("POST", "/otlp/v1/metrics", JSON),
        ("POST", "/otlp/v1/logs", JSON),
        ("POST", "/otlp/", JSON),
        ("POST", f"{PATH}/", JSON),
        ("POST", PATH, {"Content-Type": "text/plain"}),
        ("POST", PATH, {"Content-Type": "application/jsonx"}),
        ("POST", PATH, {}),
        ("POST", PATH, JSON | {"Content-Encoding": "gzip"}),
    ],
)
def test_nothing_else_is_taken(
    edge: EdgeUnderTest, heard: ColourUnderTest, colours: dict[str, ColourUnderTest], refused: tuple[str, str, dict[str, str]]
) -> None:
    method, path, headers = refused
    with browser(edge, "127.1.9.2") as client:
        answer = client.request(method, path, content=b"{}", headers=headers)
    assert (answer.status_code, answer.headers["X-Echobase-Error"]) == (404, "not-found")
    assert heard.requests == colours["blue"].requests == []


def test_a_large_tale_is_refused(edge: EdgeUnderTest, heard: ColourUnderTest) -> None:
    with browser(edge, "127.1.9.3") as client:
        assert client.post(PATH, content=b"x" * 65_536, headers=JSON).status_code == 200
        for body in (b"x" * 65_537, iter([b"x" * 65_537])):
            answer = client.post(PATH, content=body, headers=JSON)
            assert (answer.status_code, answer.headers["X-Echobase-Error"]) == (413, "too-large")
    assert len(heard.requests) == 1


def test_who_tells_too_much_is_stopped_and_nobody_else(edge: EdgeUnderTest, heard: ColourUnderTest) -> None:
    with browser(edge, "127.1.9.4") as client, browser(edge, "127.1.9.5") as other:
        answers = [client.post(PATH, content=b"{}", headers=JSON) for _ in range(90)]
        refused = [answer for answer in answers if answer.status_code == 429]
        assert refused
        assert {answer.status_code for answer in answers} == {200, 429}
        assert refused[0].headers["X-Echobase-Error"] == "too-many-requests"
        assert other.post(PATH, content=b"{}", headers=JSON).status_code == 200
        # The shop is not rationed with it.
        assert client.get("/api/orders").status_code == 200


def test_it_is_neither_logged_nor_counted_as_anybodys(edge: EdgeUnderTest, heard: ColourUnderTest) -> None:
    with browser(edge, "127.1.9.6") as client:
        told = client.post(PATH, content=b"{}", headers=JSON).headers["Trace-Id"]
        edge.logged(client.get("/api/orders").headers["Trace-Id"])
    assert told not in [line["trace_id"] for line in edge.access_log()]


@pytest.mark.parametrize("way", ["gone", "failing", "refusing", "hanging"])
def test_a_collector_that_is_away_troubles_nobody(edge: EdgeUnderTest, heard: ColourUnderTest, way: str) -> None:
    heard.failure = lambda _: {"failing": "503", "refusing": "reset", "hanging": "hang"}.get(way, "")
    if way == "gone":
        heard.stop()
    try:
        with browser(edge, "127.1.9.7") as client:
            answer = client.post(PATH, content=b"{}", headers=JSON)
    finally:
        if way == "gone":
            heard.start()
    assert (answer.status_code, answer.content, len(answer.headers["Trace-Id"])) == (204, b"", 32)
    assert "X-Echobase-Error" not in answer.headers
    assert PATH not in edge.logs()
    assert PATH not in [line["path"] for line in edge.access_log() if line["status"] == 204]


def test_switched_off_a_page_that_goes_on_telling_is_told_to_stop(edge: EdgeUnderTest, heard: ColourUnderTest) -> None:
    with edge.reconfigured(edge_telemetry=False), browser(edge, "127.1.9.8") as client:
        assert client.post(PATH, content=b"{}", headers=JSON).status_code == 404
        assert client.get(PATH).status_code == 404
    assert heard.requests == []
