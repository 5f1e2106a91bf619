from __future__ import annotations

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import BaseModel

from api_gateway.problem import answer_problems, unavailable
from orders.cloud import KeyServiceAway
from orders.database import DatabaseAway
from orders.envelope import Unreadable


class Body(BaseModel):
    quantity: int


@pytest.fixture
def client() -> TestClient:
    app = FastAPI()
    answer_problems(app)
    errors = {
        "own": unavailable("Come back."),
        "database": DatabaseAway("10.0.0.1 refused"),
        "key": KeyServiceAway("secret endpoint"),
        "unreadable": Unreadable("order 4711"),
        "bug": ZeroDivisionError("secret state"),
    }

    @app.get("/raise/{name}")
    def raise_it(name: str) -> None:
        raise errors[name]

    @app.post("/body")
    def body(body: Body) -> None: ...

    return TestClient(app, raise_server_exceptions=False)


@pytest.mark.parametrize(("name", "status"), [("own", 503), ("database", 503), ("key", 503), ("unreadable", 500), ("bug", 500)])
def test_every_error_is_a_problem_that_tells_no_secret(client: TestClient, name: str, status: int) -> None:
    answer = client.get(f"/raise/{name}")
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json().keys() == {"type", "title", "status", "detail"}
    assert ("retry-after" in answer.headers) is (status == 503)
    for secret in ("secret", "10.0.0.1", "4711", "Traceback"):
        assert secret not in answer.text


def test_a_bad_field_is_pointed_at(client: TestClient) -> None:
    problem = client.post("/body", json={"quantity": "many"}).json()
    assert problem["status"] == 422
    assert [error["pointer"] for error in problem["errors"]] == ["#/quantity"]


def test_unknown_paths_and_methods(client: TestClient) -> None:
    assert client.get("/nothing").json()["title"] == "Not Found"
    answer = client.delete("/body")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
