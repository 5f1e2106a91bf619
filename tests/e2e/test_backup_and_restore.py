"""The shop at three in the morning: a backup, a drill, and a restore under the eyes of a customer."""

from __future__ import annotations

import re
import ssl
import threading
import uuid
from dataclasses import dataclass, field

import httpx
import pytest
from conftest import DeployedEnvironment

from harness.environment_under_test import TEST

_VOLUME = TEST.server("mariadb").volume


@pytest.fixture(scope="module")
def customer(deployed_environment: DeployedEnvironment) -> httpx.Client:
    trust = ssl.create_default_context(cafile=deployed_environment.ca_file)
    client = httpx.Client(base_url=deployed_environment.base_url, verify=trust, timeout=30)
    login = {"email": f"{uuid.uuid4().hex}@shop.example.com", "password": "correct horse battery staple"}
    assert client.post("/api/auth/register", json=login).status_code == 201
    client.headers["Authorization"] = f"Bearer {client.post('/api/auth/login', json=login).json()['token']}"
    return client


def place_order(customer: httpx.Client, item: str) -> str:
    answer = customer.post("/api/orders", json={"item": item, "quantity": 1}, headers={"Idempotency-Key": uuid.uuid4().hex})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def orders_of(customer: httpx.Client) -> set[str]:
    return {order["id"] for order in customer.get("/api/orders").json()}


@dataclass
class Onlooker:
    """Reloads the shop all the time; what a customer sees is one of these answers and never another."""

    customer: httpx.Client
    seen: set[int] = field(default_factory=set)
    _leave: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Onlooker:
        self._thread = threading.Thread(target=self._look)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._leave.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._leave.is_set():
            self.seen.add(self.customer.get("/api/orders").status_code)


@pytest.fixture(scope="module")
def backed_up(deployed_environment: DeployedEnvironment) -> DeployedEnvironment:
    deployed_environment.run("backup")
    return deployed_environment


@pytest.mark.long
def test_a_drill_measures_what_a_loss_would_cost(backed_up: DeployedEnvironment, capsys: pytest.CaptureFixture[str]) -> None:
    drill = backed_up.run("drill", "-e", "drill_write_seconds=10").output
    measured = re.search(r"RPO ([\d.]+) s.*?RTO ([\d.]+) s", drill, re.S)
    assert measured, drill
    # A loss costs what was written since the log was archived last, which is done every 30 s.
    with capsys.disabled():
        print(f"\nrestore drill: RPO {measured[1]} s, RTO {measured[2]} s")


def test_a_restore_closes_the_shop_and_opens_it_again(backed_up: DeployedEnvironment, customer: httpx.Client) -> None:
    kept = place_order(customer, "kept")
    marked = backed_up.run("backup", "-e", "backup_take=none").output
    mark = re.search(r"mark to restore to: (\S+)", marked)
    assert mark, marked
    discarded = place_order(customer, "discarded")

    built = backed_up.run("restore", "-e", f"restore_to={mark[1]}").output
    assert discarded in built
    assert kept not in built
    assert orders_of(customer) == {kept, discarded}

    with Onlooker(customer) as onlooker:
        live = backed_up.run("restore", "-e", f"restore_to={mark[1]}", "-e", f"restore_confirm={_VOLUME}")
    assert live.changed > 0
    assert onlooker.seen == {200, 503}
    assert orders_of(customer) == {kept}
    place_order(customer, "after")

    old = re.search(r"back: .*restore_to=(\d{6})", live.output)
    assert old, live.output
    assert backed_up.run("restore", "-e", "restore_state=confirmed", "-e", f"restore_confirm={old[1]}").changed == 1
    status = backed_up.run("status").output
    assert "restorable as of" in status
    assert "TROUBLE: " not in status
