from __future__ import annotations

import re

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from api_gateway import docs_routes


@pytest.fixture
def client() -> TestClient:
    api = FastAPI(docs_url=None, redoc_url=None)
    api.include_router(docs_routes.router)
    return TestClient(api)


@pytest.mark.parametrize(("path", "files", "program"), [("/docs", 3, "swagger-ui-bundle.js"), ("/redoc", 1, "redoc.standalone.js")])
def test_the_page_runs_nothing_but_what_this_gateway_has(client: TestClient, path: str, files: int, program: str) -> None:
    page = client.get(path)
    assert page.status_code == 200
    assert "//" not in page.text
    asked = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    own = [address for address in asked if not address.startswith("data:")]
    assert len(own) == files
    for address in own:
        answer = client.get(address)
        assert (answer.status_code, answer.headers["content-security-policy"]) == (200, page.headers["content-security-policy"])
    assert program.partition(".")[0].partition("-")[0] in client.get(f"/docs/{program}").text.lower()
    # Nothing inline either.
    assert re.findall(r"<script(?![^>]*src=)", page.text) == []


def test_the_policy_lets_no_foreign_script_in(client: TestClient) -> None:
    policy = client.get("/docs").headers["content-security-policy"]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == "'self'"
    assert "http" not in policy


def test_it_is_no_part_of_the_contract(client: TestClient) -> None:
    assert client.get("/openapi.json").json()["paths"] == {}
