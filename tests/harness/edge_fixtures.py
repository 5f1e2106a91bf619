"""The real edge before two minimal colours, and who comes to it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import httpx
import pytest

from ansible_collections.echobase.platform.plugins.module_utils.traffic.weights import Weights
from harness.colour_under_test import ColourUnderTest, running_colour
from harness.edge_under_test import EdgeUnderTest, edge_facts, routes_of, running_edge
from harness.images_under_test import image_tag

BLUE, GREEN = Weights.all_to("blue"), Weights.all_to("green")
CLIENT = "echobase_test_client"
PAGE = {"Accept": "text/html,application/xhtml+xml"}


@pytest.fixture(scope="module")
def edge(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EdgeUnderTest]:
    """What a test module may set.

    EDGE_OPTIONS: other values of the role's variables, or functions of the edge's facts. EDGE_PLACE: a name, port and network of its own.
    EDGE_APPLICATION: the definition of each colour, instead of the order system's.
    """
    place = getattr(request.module, "EDGE_PLACE", ("customers", 20443, "127.77"))
    facts = edge_facts(tmp_path_factory.mktemp("edge"), *place)
    given = getattr(request.module, "EDGE_OPTIONS", {})
    options = {name: value(facts) if callable(value) else value for name, value in given.items()}
    if application := getattr(request.module, "EDGE_APPLICATION", None):
        options["edge_routes"] = routes_of(facts, application)
    with running_edge(facts, image_tag("nginx"), **options) as edge:
        yield edge


@pytest.fixture(scope="module")
def colours(request: pytest.FixtureRequest, edge: EdgeUnderTest) -> Iterator[dict[str, ColourUnderTest]]:
    of = getattr(request.module, "EDGE_APPLICATION", {}).get
    with running_colour(edge.facts, "blue", of("blue")) as blue, running_colour(edge.facts, "green", of("green")) as green:
        yield {"blue": blue, "green": green}


@pytest.fixture(autouse=True)
def blue_is_live(edge: EdgeUnderTest, colours: dict[str, ColourUnderTest]) -> None:
    switch(edge, BLUE)
    for colour in colours.values():
        colour.forget()


@pytest.fixture
def customer(edge: EdgeUnderTest) -> Iterator[httpx.Client]:
    with customer_of(edge) as client:
        yield client


def customer_of(edge: EdgeUnderTest, http2: bool = False) -> httpx.Client:
    return httpx.Client(base_url=f"https://localhost:{edge.port}", verify=edge.tls_context(), http2=http2, timeout=20)


def switch(edge: EdgeUnderTest, weights: Weights, maintenance: bool = False) -> None:
    edge.routes.commit(edge.routes.prepare(weights, maintenance))
    edge.routes.prune()


def new_client_id() -> str:
    return secrets.token_hex(16)


def as_client(client_id: str) -> dict[str, str]:
    return {"Cookie": f"{CLIENT}={client_id}"}


def colour_for(client: httpx.Client, client_id: str) -> str:
    return str(client.get("/", headers=as_client(client_id)).headers["X-Echobase-Colour"])
