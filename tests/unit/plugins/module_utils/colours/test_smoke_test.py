from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.colours.smoke_test import SmokeTest, remedy_for, smoke_customer
from ansible_collections.echobase.platform.plugins.module_utils.host.https_client import Answer


@dataclass
class Shop:
    """A gateway, as far as accounts and one order go."""

    customers: dict[str, str] = field(default_factory=dict)
    port: int = 443

    def request(self, method: str, path: str, body: dict[str, Any] | None = None, headers: Any = None) -> Answer:
        del method, headers
        status, content = self._answer(path, body or {})
        return Answer(status, {}, json.dumps(content).encode())

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
    return SmokeTest(shop, "", "", password).place_order()  # type: ignore[arg-type]


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

    with pytest.raises(Refusal, match="registering: answered 503"):
        place(Closed(), "x")


@pytest.mark.parametrize(("traffic_moved", "says"), [(False, "traffic was not moved;"), (True, "`playbooks/rollback.yml` moves it back;")])
def test_a_failure_says_of_the_traffic_what_is_so(traffic_moved: bool, says: str) -> None:
    """After a promotion it said that traffic was not moved."""
    remedy = remedy_for("echobase-test-api-gateway", traffic_moved)
    with pytest.raises(Refusal) as told:
        SmokeTest(Shop(), "green", "", "x", remedy).read_only()  # type: ignore[arg-type]
    assert told.value.remedy == remedy
    assert says in remedy
    assert "see `docker logs echobase-test-api-gateway`" in remedy
