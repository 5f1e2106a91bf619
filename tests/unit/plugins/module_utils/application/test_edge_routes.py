from __future__ import annotations

import json
import re
from typing import Any

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.application.edge_routes import edge_routes, routes_at
from ansible_collections.echobase.platform.plugins.module_utils.application.settings import RESERVED, SettingsReader
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import environment
from harness.edge_under_test import order_system_at, routes_settings

ADDRESSES = {"blue": ["10.0.0.20", "10.0.0.21"], "green": ["10.0.0.30", "10.0.0.31"]}
SERVICES = ["web", "api"]


def routes(blue: dict[str, Any] | None, green: dict[str, Any] | None, **further: dict[str, Any]) -> dict[str, Any]:
    """`of_blue`, `of_green`: what else their blocks say."""
    colours = {"blue": blue, "green": green}
    settings = {
        name: routes_settings(SERVICES, routes=own, **further.get(f"of_{name}", {})) for name, own in colours.items() if own is not None
    }
    return routes_at(ADDRESSES, settings)


def by_prefix(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {route["prefix"]: route for route in found["routes"]}


def leads(found: dict[str, Any], whom: str = "customers") -> dict[str, dict[str, str]]:
    return {prefix: route[whom] for prefix, route in by_prefix(found).items()}


def problems_of(prefix: str, **options: Any) -> list[str]:
    reader = SettingsReader({"routes": {prefix: {"service": "web", "port": 80, **options}}}, SERVICES)
    reader.read()
    return [str(problem) for problem in reader.problems]


def test_each_colour_answers_by_its_own_longest_prefix() -> None:
    with_tls = {"service": "web", "port": 8443, "tls": True}
    found = routes({"/": "web:8080", "/api": "api:9000"}, {"/": with_tls, "/api/v2": "api:9000", "/new": "api:9000"})
    blue_web, blue_api = "http://blue_web_8080", "http://blue_api_9000"
    green_web, green_api = "https://green_web_8443_tls", "http://green_api_9000"
    assert leads(found) == {
        "/api/v2": {"blue": blue_api, "green": green_api},
        "/api": {"blue": blue_api, "green": green_web},
        "/new": {"blue": blue_web, "green": green_api},
        "/": {"blue": blue_web, "green": green_web},
    }
    # nginx tries them in this order.
    assert [route["number"] for route in found["routes"]] == [0, 1, 2, 3]
    assert {upstream["name"]: upstream["address"] for upstream in found["upstreams"]} == {
        "blue_web_8080": "10.0.0.20:8080",
        "blue_api_9000": "10.0.0.21:9000",
        "green_web_8443_tls": "10.0.0.30:8443",
        "green_api_9000": "10.0.0.31:9000",
    }
    assert found["addresses"] == {"blue": ["10.0.0.20:8080", "10.0.0.21:9000"], "green": ["10.0.0.30:8443", "10.0.0.31:9000"]}


def test_a_prefix_is_whole_parts_of_a_path() -> None:
    found = routes({"/api": "api:1"}, {"/apix": "web:1"})
    assert leads(found) == {"/apix": {"blue": "", "green": "http://green_web_1"}, "/api": {"blue": "http://blue_api_1", "green": ""}}
    assert by_prefix(found)["/api"]["locations"] == ["= /api", "^~ /api/"]


def test_a_colour_without_a_definition_answers_nowhere() -> None:
    found = routes({"/": "web:80"}, None)
    assert leads(found) == {"/": {"blue": "http://blue_web_80", "green": ""}}
    assert (found["addresses"]["green"], by_prefix(found)["/"]["of_both"]) == ([], False)
    nothing = routes(None, None)
    assert (nothing["routes"], nothing["upstreams"], nothing["lanes"]) == ([], [], [{"suffix": "", "body": "", "seconds": 0}])


def test_what_is_for_operators_is_decided_by_the_colour() -> None:
    found = routes({"/docs": "web:80"}, {"/docs": {"service": "web", "port": 80, "operators": True}})
    assert leads(found)["/docs"] == {"blue": "http://blue_web_80", "green": ""}
    assert leads(found, "operators")["/docs"] == {"blue": "http://blue_web_80", "green": "http://green_web_80"}


@pytest.mark.parametrize(
    ("option", "blue", "green", "both"),
    [
        ("body", "64k", "10m", "10m"),
        ("body", "64k", None, ""),
        ("body", None, "10m", "10m"),
        ("body", "2m", None, "2m"),
        ("seconds", 300, 5, 300),
        ("seconds", 5, None, 0),
        ("seconds", None, 300, 300),
        ("secret", True, None, True),
        ("shared", None, True, True),
        ("pages", True, None, True),
    ],
)
def test_where_nginx_has_to_know_before_the_colour_nobody_is_turned_away(option: str, blue: Any, green: Any, both: Any) -> None:
    def of_colour(value: Any) -> dict[str, Any]:
        return {"/": {"service": "web", "port": 80} | ({} if value is None else {option: value})}

    assert by_prefix(routes(of_colour(blue), of_colour(green)))["/"][option] == both


def test_there_is_a_lane_for_each_pair_of_largest_body_and_longest_wait() -> None:
    of_colour = {
        "/": "web:80",
        "/api": {"service": "api", "port": 80, "body": "64k"},
        "/api/x": {"service": "api", "port": 80, "body": "64k"},
        "/slow": {"service": "api", "port": 80, "seconds": 300},
    }
    found = routes(of_colour, of_colour)
    lanes = {lane["suffix"]: (lane["body"], lane["seconds"]) for lane in found["lanes"]}
    assert sorted(lanes.values()) == [("", 0), ("", 300), ("64k", 0)]
    assert all(lanes[route["lane"]] == (route["body"], route["seconds"]) for route in found["routes"])
    assert lanes[""] == ("", 0)


def test_a_request_is_repeated_only_where_both_colours_know_it_by_the_same_header() -> None:
    one = {"/": "web:80"}
    key, other = {"repeatable": "Idempotency-Key"}, {"repeatable": "X-Once"}
    assert routes(one, one, of_blue=key, of_green=key)["repeatable"] == "Idempotency-Key"
    assert routes(one, None, of_blue=key)["repeatable"] == "Idempotency-Key"
    assert routes(one, one, of_blue=key, of_green=other)["repeatable"] == routes(one, one, of_blue=key)["repeatable"] == ""


def test_how_busy_a_service_is_is_hidden_where_its_own_route_would_show_it() -> None:
    of_colour = {"/": "web:80", "/api": "api:80"}
    busy = {"in_flight": {"web": "/busy?now", "api": "/busy"}}
    assert routes(of_colour, of_colour, of_blue=busy)["hidden"] == ["/busy"]
    assert routes(of_colour, of_colour, of_blue={"in_flight": {"api": "/busy"}})["hidden"] == []
    assert routes(of_colour, of_colour, of_blue={"in_flight": {"api": "/api"}})["hidden"] == ["/api"]
    assert routes(of_colour, of_colour, of_blue={"in_flight": {"web": "/"}})["hidden"] == []


def test_the_edge_hangs_up_before_a_service_does() -> None:
    def idle(**options: int) -> int:
        found = routes({"/": {"service": "web", "port": 80, **options}, "/x": {"service": "web", "port": 80, "idle": 200}}, None)
        return int(found["upstreams"][0]["idle"])

    # gunicorn's usual threads wait two seconds, Node and uvicorn five.
    assert (idle(), idle(idle=5), idle(idle=120), idle(idle=0)) == (1, 2, 60, 1)


def test_the_order_system_keeps_its_addresses() -> None:
    env = environment("devlocal", "")
    found = edge_routes(env, {"blue": None, "green": None})
    assert found["routes"] == []
    facts = {"colours": {name: {"edge_addresses": colour.edge_addresses} for name, colour in env.colours.items()}}
    orders = order_system_at(facts)
    assert {upstream["address"] for upstream in orders["upstreams"]} == {
        f"{colour.edge_addresses[place]}:8443" for colour in env.colours.values() for place in (0, 1)
    }
    assert {upstream["idle"] for upstream in orders["upstreams"]} == {60}
    assert orders["hidden"] == ["/in-flight"]
    assert json.loads(json.dumps(orders)) == orders


@pytest.mark.parametrize("word", RESERVED)
@pytest.mark.parametrize("below", ["", "/deeper"])
def test_a_route_where_the_edge_itself_answers_is_refused(word: str, below: str) -> None:
    (problem,) = problems_of(f"/{word}{below}")
    place, remedy = f"x-echobase.routes./{word}{below}", "choose a path that begins with none of /edge, "
    assert problem.startswith(f"{place}: is where the edge itself answers - {remedy}")
    assert problems_of(f"/{word}-and-more") == problems_of(f"/x/{word}") == []


@pytest.mark.parametrize(("option", "value"), [("seconds", -1), ("idle", -1), ("idle", True), ("idle", "5")])
def test_a_number_is_a_whole_one(option: str, value: Any) -> None:
    (problem,) = problems_of("/", **{option: value})
    assert re.search(rf"x-echobase.routes./.{option}: is '.+' - give a whole number", problem)
