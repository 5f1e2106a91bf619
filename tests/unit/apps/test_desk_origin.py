from __future__ import annotations

import pytest
from starlette.requests import Request

from operators_desk.origin import HOME, host_with_port, is_from_our_own_page, is_navigation, safe_destination


def request(**headers: str) -> Request:
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "headers": pairs})


@pytest.mark.parametrize(
    "path", ["/", "/grafana/d/x?orgId=1&from=now-1h", "/a%2f%2fb", "/preview/blue", "/x?next=https://elsewhere.example", "/login"]
)
def test_paths_of_this_host_are_destinations(path: str) -> None:
    assert safe_destination(path) == path


@pytest.mark.parametrize(
    "elsewhere",
    [
        "",
        "https://evil.example/",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "\t//evil.example",
        " //evil.example",
        "/ok\r\nSet-Cookie: x=y",
        "javascript:alert(1)",
        "evil.example",
        "/ümlaut",
        "/" + "a" * 3000,
    ],
)
def test_nothing_else_is(elsewhere: str) -> None:
    assert safe_destination(elsewhere) == HOME


@pytest.mark.parametrize(
    ("headers", "ours"),
    [
        ({}, True),
        ({"origin": "https://desk.example:1443"}, True),
        ({"origin": "https://desk.example:1443", "sec_fetch_site": "same-origin"}, True),
        ({"sec_fetch_site": "same-site"}, False),
        ({"sec_fetch_site": "cross-site"}, False),
        ({"sec_fetch_site": "none"}, False),
        ({"origin": "https://evil.example"}, False),
        ({"origin": "https://desk.example"}, False),
        ({"origin": "http://desk.example:1443"}, False),
        ({"origin": "null"}, False),
        ({"origin": ""}, False),
        ({"origin": "https://evil.example", "sec_fetch_site": "same-origin"}, False),
    ],
)
def test_only_our_own_pages_may_send_forms(headers: dict[str, str], ours: bool) -> None:
    assert is_from_our_own_page(request(x_forwarded_host="desk.example:1443", **headers)) is ours


@pytest.mark.parametrize(
    ("headers", "navigates"),
    [
        ({"accept": "text/html,application/xhtml+xml"}, True),
        ({"accept": "text/html", "sec_fetch_mode": "navigate"}, True),
        ({"accept": "text/html", "sec_fetch_mode": "cors"}, False),
        ({"accept": "*/*"}, False),
        ({}, False),
    ],
)
def test_people_are_told_from_programs(headers: dict[str, str], navigates: bool) -> None:
    assert is_navigation(request(**headers)) is navigates


@pytest.mark.parametrize(
    ("asked", "answered"),
    [("localhost", "localhost:1443"), ("a.example:543", "a.example:1443"), ("[::1]:443", "[::1]:1443"), ("", "localhost:1443")],
)
def test_the_other_entrance_of_the_same_host(asked: str, answered: str) -> None:
    assert host_with_port(request(x_forwarded_host=asked), 1443) == answered
