from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from orders.smoke_test import Answer, SmokeError, SmokeTest, smoke_customer

APPS = Path(__file__).resolve().parents[3] / "apps"


@dataclass
class Shop:
    """A gateway, as far as accounts and one order go."""

    customers: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    def request(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        del method, headers
        status, content = self._answer(path, body or {})
        return Answer(status, self.headers, json.dumps(content).encode())

    def _answer(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if path == "/api/auth/login":
            known = self.customers.get(body["email"]) == body["password"]
            return (200, {"token": "t"}) if known else (401, {})
        if path == "/api/auth/register":
            known = body["email"] in self.customers
            self.customers.setdefault(body["email"], body["password"])
            return (409, {}) if known else (201, {})
        return (202, {"id": "1"}) if path == "/api/orders" else (200, {"status": "processed"})


def place(shop: Shop, password: str) -> str:
    return SmokeTest(shop, "", "", password).place_order()


def test_the_customer_is_registered_once() -> None:
    shop = Shop()
    assert [place(shop, "first"), place(shop, "first")] == ["1", "1"]
    assert list(shop.customers) == [smoke_customer("first")]


def test_after_a_rotation_of_the_operators_password_there_is_one_more_customer() -> None:
    shop = Shop()
    place(shop, "of before")
    assert [place(shop, "rotated"), place(shop, "rotated")] == ["1", "1"]
    assert len(shop.customers) == 2


def test_a_shop_that_knows_nobody_and_registers_nobody_fails() -> None:
    class Closed(Shop):
        def _answer(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
            return (503, {}) if path.endswith("register") else (401, {})

    with pytest.raises(SmokeError, match="registering: answered 503"):
        place(Closed(), "x")


def test_a_page_without_the_application_fails_and_so_does_the_other_colour() -> None:
    with pytest.raises(SmokeError, match="the page: it does not hold the application"):
        SmokeTest(Shop(), "", "", "x").read_only()
    with pytest.raises(SmokeError, match="the page: X-Echobase-Colour is 'blue' instead of 'green'"):
        SmokeTest(Shop(headers={"x-echobase-colour": "blue"}), "green", "", "x").read_only()


def test_its_last_words_are_the_reason(tmp_path: Path) -> None:
    def run(**variables: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "orders.smoke_test"]
        return subprocess.run(command, cwd=APPS, env=variables, capture_output=True, text=True, check=False)

    missing = run()
    assert (missing.returncode, missing.stderr) == (1, "ECHOBASE_URL is not set\n")
    (tmp_path / "password").write_text("x")
    away = run(
        ECHOBASE_URL="https://localhost:1",
        ECHOBASE_CA_FILE=str(Path(sys.prefix) / "nowhere"),
        ECHOBASE_SMOKE_PASSWORD_FILE=str(tmp_path / "password"),
    )
    assert away.returncode == 1
    assert len(away.stderr.splitlines()) == 1
