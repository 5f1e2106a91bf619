from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.application.definition import Definition
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.colours.entrance import Entrance, paths_to_ask
from ansible_collections.echobase.platform.plugins.module_utils.colours.proof import remedy_for
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import environment
from ansible_collections.echobase.platform.plugins.module_utils.host.https_client import Answer

GREEN = environment("test").colour("green")


@dataclass
class Edge:
    """Gives the statuses that it is told to, 200 otherwise."""

    statuses: Mapping[str, int] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    port: int = 443

    def request(self, method: str, path: str) -> Answer:
        assert method == "GET"
        return Answer(self.statuses.get(path, 200), self.headers, json.dumps({"detail": "no database"}).encode())


def definition(**block: Any) -> Definition:
    return Definition.of({"services": {"web": {"image": "web"}, "api": {"image": "api"}}, "x-echobase": block})


def asked(edge: Edge, page: str = "/", *ready: str, release: str = "") -> list[str]:
    entrance = Entrance(edge, "green", release, "do something")  # type: ignore[arg-type]
    entrance.ask(page, ready)
    return entrance.passed


def test_a_path_of_a_service_is_asked_where_customers_reach_it() -> None:
    routes = {"/": "web:80", "/api": "api:80", "/api/docs": {"service": "api", "port": 80, "operators": True}}
    ready = {"web": "/healthz", "api": "/api/ready?deep=1"}
    assert paths_to_ask(definition(routes=routes, ready=ready).settings) == ("/", ["/healthz", "/api/ready?deep=1"])
    # The page would answer in the API's place, or nobody who is not logged in.
    assert paths_to_ask(definition(routes=routes, ready={"api": "/ready"}).settings)[1] == []
    assert paths_to_ask(definition(routes=routes, ready={"api": "/api/docs/ready"}).settings)[1] == []
    assert paths_to_ask(definition(routes={"/shop": "web:80", "/api/v1": "api:80"}).settings)[0] == "/shop"
    assert paths_to_ask(None) == ("/", [])


def test_a_page_may_ask_for_a_login_but_not_fail() -> None:
    assert asked(Edge({"/": 401}), "/", "/ready") == ["the page", "readiness"]
    with pytest.raises(Refusal, match=r"smoke test of green through port 443: the page: / answered 502 \(no database\) - do something"):
        asked(Edge({"/": 502}))
    with pytest.raises(Refusal, match="readiness: /ready answered 404"):
        asked(Edge({"/ready": 404}), "/", "/ready")


def test_who_says_who_it_is_has_to_be_the_one() -> None:
    assert asked(Edge(), release="2") == ["the page"]
    with pytest.raises(Refusal, match="X-Echobase-Colour is 'blue' instead of 'green'"):
        asked(Edge(headers={"x-echobase-colour": "blue"}))
    with pytest.raises(Refusal, match="X-Echobase-Release is '1' instead of '2'"):
        asked(Edge(headers={"x-echobase-release": "1"}), release="2")


@pytest.mark.parametrize(("traffic_moved", "says"), [(False, "traffic was not moved;"), (True, "`playbooks/rollback.yml` moves it back;")])
def test_a_failure_says_of_the_traffic_what_is_so(traffic_moved: bool, says: str) -> None:
    """After a promotion it said that traffic was not moved."""
    settings = definition(routes={"/": {"service": "web", "port": 80, "pages": True}, "/api": "api:80"}).settings
    remedy = remedy_for(GREEN, settings, traffic_moved)
    assert says in remedy
    assert "see `docker logs echobase-test-green-api`" in remedy
    assert says in remedy_for(GREEN, None, traffic_moved)
