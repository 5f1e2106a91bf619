from __future__ import annotations

import asyncio
from pathlib import Path

import bcrypt
import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient

from api_gateway.lane import LaneFull
from operators_desk.login_routes import _fields
from operators_desk.operators import Operators
from operators_desk.problems import answer_problems


def test_a_full_queue_of_logins_is_no_failure_of_ours() -> None:
    desk = FastAPI()
    answer_problems(desk)

    @desk.get("/login")
    def login() -> None:
        raise LaneFull

    answer = TestClient(desk, raise_server_exceptions=False).get("/login")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("password", ["%ED%A0%80", "\\ud800", "%00", "%FF"])
def test_what_is_no_text_is_a_wrong_password(tmp_path: Path, password: str) -> None:
    """Half a character, NUL, and no UTF-8 at all."""
    file = tmp_path / "operators.htpasswd"
    file.write_text(f"anna:{bcrypt.hashpw(b'of anna', bcrypt.gensalt(4)).decode()}\n")
    desk = FastAPI()

    @desk.post("/login")
    async def login(request: Request) -> bool:
        fields = await _fields(request) or {}
        return await Operators(file).fits(fields["name"], fields["password"])

    assert TestClient(desk).post("/login", content=f"name=anna&password={password}").json() is False
    assert asyncio.run(Operators(file).fits("anna", "of anna"))
