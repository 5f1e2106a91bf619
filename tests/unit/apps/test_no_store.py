from __future__ import annotations

import pytest
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from fastapi.testclient import TestClient

from api_gateway.no_store import NoStore
from api_gateway.problem import answer_problems


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/api/orders", 200, "no-store"),
        ("/api/nothing", 404, "no-store"),
        ("/api/broken", 500, "no-store"),
        ("/api/own", 200, "max-age=60"),
    ],
)
def test_nobody_keeps_an_answer_unless_it_says_so(path: str, status: int, said: str) -> None:
    api = FastAPI()
    answer_problems(api)

    @api.get("/api/orders")
    def orders() -> list[str]:
        return []

    @api.get("/api/broken")
    def broken() -> None:
        raise ZeroDivisionError

    @api.get("/api/own")
    def own() -> JSONResponse:
        return JSONResponse([], headers={"Cache-Control": "max-age=60"})

    answer = TestClient(NoStore(api), raise_server_exceptions=False).get(path)
    assert (answer.status_code, answer.headers.get_list("cache-control")) == (status, [said])
    assert answer.headers.get_list("x-content-type-options") == ["nosniff"]
    assert answer.headers.get_list("content-security-policy") == ["default-src 'none'; frame-ancestors 'none'"]
