"""The application's password and the key of tokens change under load, as playbooks/rotate_secrets.yml does it, and no request fails."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt
import pytest

from ansible_collections.echobase.platform.plugins.module_utils.colours.key_holders import KeyHolder
from ansible_collections.echobase.platform.plugins.module_utils.credentials.environment_secrets import EnvironmentSecrets
from ansible_collections.echobase.platform.plugins.module_utils.credentials.wrapping_keys import wrapping_key_id
from ansible_collections.echobase.platform.plugins.module_utils.host.https_client import HttpsClient
from ansible_collections.echobase.platform.plugins.module_utils.rotation.token_key import TokenKeyRotation
from ansible_collections.echobase.platform.plugins.module_utils.rotation.wrapping_key import WrappingKeyRotation
from harness.backend_fixtures import (
    Backend,
    ColourUnderTest,
    Customer,
    answers_ok,
    backend,
    blue,
    docker,
    empty_backend,
)
from harness.waiting import eventually
from orders.envelope import Envelope

pytestmark = pytest.mark.long_on("postgresql")

__all__ = ["backend", "blue", "empty_backend"]

HOUR = 3600
# As module durable_db applies the accounts; the connections that are open are ended, so that everybody logs in again.
APPLY = {
    "mariadb": (
        'exec mariadb --defaults-extra-file=<(printf "[client]\\npassword=%s\\n" "$(cat /run/secrets/root_password)") --user=root orders_db'
        ' --execute "source /run/secrets/init.sql; KILL USER app_user"'
    ),
    "postgresql": (
        "exec psql --username=postgres --dbname=orders_db --set=ON_ERROR_STOP=1 --file=/run/secrets/init-postgresql.sql"
        " --command=\"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app_user'\""
    ),
}


def test_the_applications_password_changes_and_no_request_fails(backend: Backend, blue: ColourUnderTest) -> None:
    customer = Customer.new(blue)
    answers: list[int] = []
    enough = threading.Event()

    def order() -> None:
        while not enough.is_set():
            answers.append(customer.post().status_code)

    before = backend.secret("app", "db_password")
    writer = threading.Thread(target=order)
    writer.start()
    try:
        eventually(lambda: len(answers) > 20, "orders before the change")
        EnvironmentSecrets(backend.env, None, data=lambda: ["volume"]).present(check=False, renew=["db_app_password"])
        assert backend.secret("app", "db_password") != before
        docker("restart", blue.emulator.name)
        done = backend.database.execute("bash", "-c", APPLY[backend.engine])
        assert done.returncode == 0, done.stderr
        so_far = len(answers)
        eventually(lambda: len(answers) > so_far + 50, "orders after the change")
    finally:
        enough.set()
        writer.join()
    assert set(answers) == {202}
    assert before not in done.stdout


# The database has no part in what follows: one engine is enough.
no_matter_which_engine = pytest.mark.engines("mariadb")


@pytest.fixture(scope="module")
def green(backend: Backend, blue: ColourUnderTest) -> ColourUnderTest:
    colour = backend.colour("green")
    colour.start_emulator()
    colour.start_gateway()
    return colour


def secrets_of(backend: Backend) -> EnvironmentSecrets:
    return EnvironmentSecrets(backend.env, None, data=lambda: ["volume"])


def rotate(backend: Backend, overlap: int) -> dict[str, Any]:
    return TokenKeyRotation(secrets_of(backend), lambda: gateways_of(backend), overlap).run(check=False).facts


def gateways_of(backend: Backend) -> list[KeyHolder]:
    authority = backend.env.path("tls", "ca.crt")
    return [
        KeyHolder(name, HttpsClient("127.0.0.1", colour.gateway.port(8443), authority, {}), "/ready")
        for name, colour in backend.colours.items()
    ]


@dataclass
class Load:
    """Customers order at one colour with the token that the other one gave them, as while traffic moves."""

    backend: Backend
    # Whoever is told to, logs in again, and then the order has to be taken.
    may_log_in_again: bool = False
    note: str | None = None
    answers: list[int] = field(default_factory=list)
    _enough: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def running(self) -> Iterator[None]:
        blue, green = self.backend.colours.values()
        pairs = [(blue, green), (green, blue)]
        with ThreadPoolExecutor(2 * len(pairs)) as pool:
            futures = [pool.submit(who, *pair) for who in (self._with_one_token, self._with_new_tokens) for pair in pairs]
            try:
                eventually(lambda: len(self.answers) > 20, "orders before the change")
                yield
                so_far = len(self.answers)
                eventually(lambda: len(self.answers) > so_far + 20, "orders after the change")
            finally:
                self._enough.set()
            for future in futures:
                future.result()

    def _with_one_token(self, here: ColourUnderTest, there: ColourUnderTest) -> None:
        customer = Customer.new(here)
        elsewhere = customer.at(there)
        while not self._enough.is_set():
            elsewhere.token = customer.token
            self._order(elsewhere, customer)

    def _with_new_tokens(self, here: ColourUnderTest, there: ColourUnderTest) -> None:
        customer = Customer.new(here)
        elsewhere = customer.at(there)
        while not self._enough.is_set():
            log_in(customer)
            elsewhere.token = customer.token
            self._order(elsewhere, customer)

    def _order(self, elsewhere: Customer, customer: Customer) -> None:
        key = str(uuid.uuid4())
        status = elsewhere.post(note=self.note, key=key).status_code
        if status == 401 and self.may_log_in_again:
            log_in(customer)
            elsewhere.token = customer.token
            status = elsewhere.post(note=self.note, key=key).status_code
        self.answers.append(status)


def log_in(customer: Customer) -> None:
    answer = customer.client.post("/api/auth/login", json={"email": customer.email, "password": customer.password})
    assert answer.status_code == 200, answer.text
    customer.token = answer.json()["token"]


def forged(key: str, customer: Customer) -> str:
    """What somebody makes who read the key."""
    claims = jwt.decode(customer.token, options={"verify_signature": False})
    raw = base64.b64decode(key)
    return jwt.encode(claims | {"exp": time.time() + 600}, raw, "HS256", headers={"kid": hashlib.sha256(raw).hexdigest()[:16]})


def statuses(backend: Backend, customer: Customer, token: str) -> list[int]:
    customer.token = token
    return [customer.at(colour).client.get("/api/orders", headers=customer.headers).status_code for colour in backend.colours.values()]


@no_matter_which_engine
@pytest.mark.long
def test_tokens_outlive_a_rotation_and_no_request_fails(backend: Backend, green: ColourUnderTest) -> None:
    customer = Customer.new(backend.colour("blue"))
    old_key, old_token = backend.secret("app", "token_key"), customer.token
    load = Load(backend)
    with load.running():
        told = rotate(backend, HOUR)
    assert Counter(load.answers).keys() == {202}
    assert backend.secret("app", "token_key") != old_key
    assert statuses(backend, customer, old_token) == [200, 200]
    log_in(customer)
    assert jwt.get_unverified_header(customer.token)["kid"] == told["key_id"]
    # Whoever starts now, without its cloud, knows both keys from its file.
    green.emulator.stop()
    green.gateway.stop()
    green.gateway.start()
    eventually(lambda: answers_ok(f"{green.url}/health", backend.trust), "green answers")
    assert statuses(backend, customer, old_token) == [200, 200]
    green.emulator.start()


@no_matter_which_engine
@pytest.mark.usefixtures("green")
def test_a_key_that_leaked_opens_nothing_after_its_rotation_and_no_order_is_lost(backend: Backend) -> None:
    customer = Customer.new(backend.colour("blue"))
    leaked, token = backend.secret("app", "token_key"), customer.token
    assert statuses(backend, customer, forged(leaked, customer)) == [200, 200]
    load = Load(backend, may_log_in_again=True)
    with load.running():
        rotate(backend, overlap=0)
        assert statuses(backend, customer, token) == [401, 401]
        assert statuses(backend, customer, forged(leaked, customer)) == [401, 401]
    assert Counter(load.answers).keys() == {202}
    log_in(customer)
    assert statuses(backend, customer, customer.token) == [200, 200]
    kept = (
        Path(backend.env.path("secrets.json")).read_text() + backend.secret("app", "token_keys") + backend.secret("emulator", "token_keys")
    )
    assert leaked not in kept
    assert not secrets_of(backend).present(check=False).changed


@no_matter_which_engine
def test_notes_get_another_key_and_older_ones_are_readable_with_it_at_both_colours(backend: Backend, green: ColourUnderTest) -> None:
    customer = Customer.new(backend.colour("blue"))
    before = customer.order(note="written before")
    assert wrapped_with(backend, before) == wrapping_key_id(backend.env.name, 1)
    load = Load(backend, note="written meanwhile")
    with load.running():
        gateways = gateways_of(backend)
        told = WrappingKeyRotation(backend.env.name, secrets_of(backend), lambda: gateways, lambda: rewrap(backend)).run(check=False).facts
        after = customer.order(note="written after")
    assert Counter(load.answers).keys() == {202}
    assert told["key_id"] == wrapping_key_id(backend.env.name, 2)
    assert [wrapped_with(backend, order) for order in (before, after)] == [told["key_id"]] * 2
    assert told["rewrapped"] > 1
    # Nothing is left under the key before: not even an order that was under way when the keys changed.
    assert rewrap(backend) == {"rewrapped": 0, "unreadable": 0}
    # A gateway that has unwrapped nothing yet.
    green.gateway.remove()
    green.start_gateway()
    elsewhere = customer.at(green)
    assert [elsewhere.see(order)["note"] for order in (before, after)] == ["written before", "written after"]


def rewrap(backend: Backend) -> dict[str, int]:
    """As the application's job does it."""
    gateway = backend.colour("blue").gateway.name
    told: dict[str, int] = json.loads(docker("exec", gateway, "python", "-m", "order_processor.rewrap"))
    return told


def wrapped_with(backend: Backend, order: str) -> str:
    """The emulator writes the key's id in front of what it wraps."""
    ((note,),) = backend.sql("SELECT note FROM orders WHERE id = %s", order)
    return Envelope.from_bytes(bytes(note)).wrapped_key[:36].decode()
