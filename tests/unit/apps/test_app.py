"""The gateway as a whole, without what it depends on."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from fastapi.testclient import TestClient

from api_gateway import health_reports
from api_gateway.app import make_app
from api_gateway.client_address import ClientAddress
from api_gateway.context import Context
from api_gateway.rate_limit import RateLimit
from api_gateway.shared_limit import SharedLimit
from orders.settings import Release


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> TestClient:
    monkeypatch.setattr(health_reports, "database_answers", lambda _: True)
    release = Release("test", "blue", "0.1.0-abc", "0.1.0")
    context = SimpleNamespace(
        settings=SimpleNamespace(release=release, database_connections=2),
        requests=SharedLimit("rate:requests", RateLimit(0), None),
        cache=None,
        client_address=ClientAddress([]),
        database=None,
    )
    return TestClient(make_app(cast(Context, context)), raise_server_exceptions=False)


@pytest.mark.parametrize(
    ("path", "status"), [("/health", 200), ("/openapi.json", 200), ("/docs", 200), ("/redoc", 200), ("/api/orders", 401), ("/api/no", 404)]
)
def test_every_answer_is_signed_and_kept_by_nobody(client: TestClient, path: str, status: int) -> None:
    answer = client.get(path)
    assert answer.status_code == status
    assert (answer.headers["x-echobase-colour"], answer.headers["cache-control"]) == ("blue", "no-store")


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ({}, {"system"}),
        ({"X-Echobase-Entrance": "operators"}, {"system"}),
        ({"X-Echobase-Entrance": "public"}, set()),
    ],
)
def test_customers_are_not_told_of_kernel_and_memory(client: TestClient, headers: dict[str, str], told: set[str]) -> None:
    answer: dict[str, Any] = client.get("/health/all", headers=headers).json()
    assert answer.keys() == {"status", "timestamp", "services"} | told


def test_the_page_of_the_contract_is_no_part_of_it(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    assert "/api/auth/login" in paths
    assert not any(path.startswith(("/docs", "/redoc")) for path in paths)


def test_the_contract_names_every_refusal_as_a_problem(client: TestClient) -> None:
    contract: dict[str, Any] = client.get("/openapi.json").json()
    wanted = {
        ("/api/auth/register", "post"): {"201", "400", "409", "413", "422", "429", "500", "503"},
        ("/api/auth/login", "post"): {"200", "400", "401", "413", "422", "429", "500", "503"},
        ("/api/auth/refresh", "post"): {"200", "400", "401", "413", "422", "429", "500", "503"},
        ("/api/auth/logout", "post"): {"204", "400", "413", "422", "429", "500", "503"},
        ("/api/orders", "post"): {"202", "400", "401", "409", "413", "422", "429", "500", "503"},
        ("/api/orders", "get"): {"200", "401", "429", "500", "503"},
        ("/api/orders/{order_id}", "get"): {"200", "401", "404", "422", "429", "500", "503"},
    }
    for (path, method), statuses in wanted.items():
        responses = contract["paths"][path][method]["responses"]
        assert responses.keys() == statuses
        assert all(list(responses[status]["content"]) == ["application/problem+json"] for status in statuses if status >= "400")
    assert "HTTPValidationError" not in str(contract)
