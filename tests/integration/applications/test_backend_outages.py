"""Whatever goes away for a while or for good: what was accepted is processed, once, and stays readable."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ReadTimeoutError

from harness.backend_fixtures import Backend, ColourUnderTest, Customer, backend, blue, docker, empty_backend
from harness.waiting import eventually

pytestmark = pytest.mark.long_on("postgresql")

__all__ = ["backend", "blue", "empty_backend"]

# Of a customer whose order was not taken yet.
_PAUSE_SECONDS = 0.1


@pytest.fixture
def anna(blue: ColourUnderTest) -> Customer:
    return blue.customer()


@pytest.fixture
def green(backend: Backend) -> Iterator[ColourUnderTest]:
    colour = backend.colour("green")
    colour.start()
    yield colour
    colour.remove()


def events(backend: Backend, order_id: str) -> list[tuple[str, str]]:
    return [(event, colour) for event, colour in backend.sql("SELECT event, colour FROM order_events WHERE order_id = %s", order_id)]


@contextmanager
def stopped(*containers: object) -> Iterator[None]:
    names = [container.name for container in containers]  # type: ignore[attr-defined]
    docker("stop", "--time", "20", *names)
    yield
    docker("start", *names)


@dataclass
class PatientCustomers:
    """They order without end, and ask again with the same key until they get an answer."""

    customer: Customer
    accepted: dict[str, str] = field(default_factory=dict)
    surprises: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        while not (self.stop.is_set() or self.surprises):
            key = str(uuid.uuid4())
            while key not in self.accepted and not self.surprises:
                self._ask(key)

    def _ask(self, key: str) -> None:
        try:
            answer = self.customer.post("tea", 1, "a note", key=key)
        except httpx.TransportError:
            time.sleep(_PAUSE_SECONDS)
            return
        if answer.status_code == 202:
            self.accepted[key] = answer.json()["id"]
        elif answer.status_code == 503 and "retry-after" in answer.headers:
            time.sleep(_PAUSE_SECONDS)
        else:
            self.surprises.append(f"{answer.status_code} {answer.headers} {answer.text}")


@contextmanager
def ordering(customer: Customer, count: int = 4) -> Iterator[PatientCustomers]:
    customers = PatientCustomers(customer)
    with ThreadPoolExecutor(count) as pool:
        running = [pool.submit(customers.run) for _ in range(count)]
        try:
            yield customers
        except BaseException as error:
            customers.surprises.append(f"the test gave up: {error}")
            raise
        customers.stop.set()
        for each in running:
            each.result()
    assert not customers.surprises


def assert_each_processed_once(backend: Backend, customers: PatientCustomers, blue: ColourUnderTest) -> None:
    eventually(lambda: blue.unfinished() == 0, "every order is processed")
    rows = backend.sql(
        "SELECT orders.id, status, (SELECT COUNT(*) FROM order_events WHERE order_id = orders.id) FROM orders"
        " JOIN users ON users.id = user_id WHERE email = %s",
        customers.customer.email,
    )
    assert Counter(str(row[0]) for row in rows) == Counter(customers.accepted.values())
    assert {row[1:] for row in rows} == {("processed", 1)}


def test_orders_are_accepted_while_the_cloud_is_away(blue: ColourUnderTest, anna: Customer) -> None:
    anna.order(note="so that the gateway has a data key")
    with stopped(blue.emulator):
        order_id = anna.order(note="nobody to wake up")
        assert anna.see(order_id)["status"] == "accepted"
        assert anna.client.get("/ready").status_code == 200
    assert anna.see_processed(order_id)["note"] == "nobody to wake up"


def test_a_gateway_that_starts_without_the_cloud_takes_orders_without_notes(blue: ColourUnderTest, anna: Customer) -> None:
    with stopped(blue.emulator):
        blue.gateway.stop()
        blue.gateway.start()
        eventually(lambda: _answers(anna), "the gateway answers")
        order_id = anna.order()
        with_note = anna.post(note="not yet")
        assert with_note.status_code == 503
        assert with_note.headers["retry-after"]
        readiness = anna.client.get("/ready")
        assert (readiness.status_code, readiness.json()["checks"]["encryption"]) == (503, False)
    anna.see_processed(order_id)
    eventually(lambda: anna.client.get("/ready").status_code == 200, "the gateway is ready")


def test_an_emulator_made_anew_reads_what_the_old_one_wrote(blue: ColourUnderTest, anna: Customer) -> None:
    order_id = anna.order(note="still readable")
    anna.see_processed(order_id)
    blue.emulator.remove()
    blue.start_emulator()
    # A fresh gateway knows no data key.
    blue.gateway.remove()
    blue.start_gateway()
    again = anna.at(blue)
    assert again.see(order_id)["note"] == "still readable"
    again.see_processed(again.order(note="and so is a new one"))


def test_a_lost_message_is_sent_again(blue: ColourUnderTest, anna: Customer) -> None:
    with stopped(blue.processor):
        pass
    queue = Queue(blue)
    blue.processor.remove()
    order_id = anna.order()
    # A processor that claims the order, and a queue that loses the message.
    blue.backend.sql("UPDATE outbox SET sent_at = created_at, leased_until = created_at WHERE order_id = %s", order_id)
    assert "Messages" not in queue.receive()
    blue.start_processor()
    anna.see_processed(order_id)


def test_who_has_hung_up_takes_no_message(backend: Backend) -> None:
    colour = backend.colour("green")
    colour.start_emulator()
    try:
        queue = Queue(colour)
        queue.wait_and_hang_up()
        queue.send("for whoever comes next")
        [message] = queue.receive()["Messages"]  # type: ignore[misc]
        assert json.loads(message["Body"]) == "for whoever comes next"
    finally:
        colour.remove()


def test_each_colour_handles_its_own_orders_only(backend: Backend, blue: ColourUnderTest, green: ColourUnderTest, anna: Customer) -> None:
    blue.processor.stop()
    of_blue = anna.order(note="for blue")
    at_green = anna.at(green)
    of_green = at_green.order(note="for green")
    at_green.see_processed(of_green)
    # Even asked to, green leaves it alone.
    queue = Queue(green)
    queue.send({"order_id": of_blue})
    queue.send({"order_id": "no order"})
    queue.send({"order_id": str(uuid.uuid4())})
    queue.send("nonsense")
    eventually(lambda: queue.is_empty, "green has seen the messages")
    assert events(backend, of_blue) == []
    assert blue.unfinished() == 1
    blue.processor.start()
    anna.see_processed(of_blue)
    assert events(backend, of_blue) == [("processed", "blue")]
    assert events(backend, of_green) == [("processed", "green")]


def test_a_colour_leaves_nothing_behind(backend: Backend, blue: ColourUnderTest, green: ColourUnderTest) -> None:
    customer = green.customer()
    read_later = customer.order(note="accepted by green")
    customer.see_processed(read_later)
    drained = green.drain(deadline=30, hand_to="none")
    assert json.loads(drained.stdout) == {"pending": 0, "drained": 0, "handed_over": 0}

    green.processor.remove()
    left = [customer.order(note="handed over") for _ in range(3)]
    refused = green.drain(deadline=0.5, hand_to="none")
    assert refused.returncode != 0
    assert refused.stdout == ""
    assert "3 orders of green" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert green.drain(deadline=0.5, hand_to="green").returncode != 0

    handed = green.drain(deadline=0.5, hand_to="blue")
    assert json.loads(handed.stdout) == {"pending": 3, "drained": 0, "handed_over": 3}
    green.remove()
    at_blue = customer.at(blue)
    for order_id in left:
        at_blue.see_processed(order_id)
        assert events(backend, order_id) == [("processed", "blue")]
    assert at_blue.see(read_later)["note"] == "accepted by green"


def test_drain_waits_for_what_is_under_way(blue: ColourUnderTest, anna: Customer) -> None:
    orders = [anna.order() for _ in range(30)]
    drained = json.loads(blue.drain(deadline=60, hand_to="green").stdout)
    assert drained["handed_over"] == 0
    assert {anna.see(order_id)["status"] for order_id in orders} == {"processed"}


def test_a_killed_processor_handles_each_order_once(backend: Backend, blue: ColourUnderTest, anna: Customer) -> None:
    with ordering(anna) as customers:
        for kill in range(1, 4):
            # Somewhere in the stream, while it works.
            enough = 40 * kill
            eventually(lambda enough=enough: len(customers.accepted) > enough, "orders are accepted")  # type: ignore[misc]
            blue.processor.kill()
    assert_each_processed_once(backend, customers, blue)


def test_a_killed_database_costs_no_order(backend: Backend, blue: ColourUnderTest, anna: Customer) -> None:
    with ordering(anna) as customers:
        eventually(lambda: len(customers.accepted) > 20, "orders are accepted")
        backend.database.kill()
        before = len(customers.accepted)
        eventually(lambda: len(customers.accepted) > before + 40, "orders are accepted again")
    assert_each_processed_once(backend, customers, blue)


def test_a_database_that_is_away_is_a_problem_that_passes(backend: Backend, blue: ColourUnderTest, anna: Customer) -> None:
    with stopped(backend.database):
        answer = anna.post()
        assert answer.status_code == 503
        assert answer.headers["content-type"] == "application/problem+json"
        assert int(answer.headers["retry-after"]) > 0
        assert anna.client.get("/health").status_code == 200
        assert anna.client.get("/health/db").status_code == 503
        assert anna.client.get("/health/all").json()["status"] == "degraded"
        assert anna.client.get("/ready").json()["checks"] == {"database": False, "schema": False, "encryption": True}
    eventually(lambda: anna.client.get("/ready").status_code == 200, "the gateway is ready again by itself")
    anna.see_processed(anna.order())


def test_a_killed_gateway_costs_no_order(backend: Backend, blue: ColourUnderTest, anna: Customer) -> None:
    with ordering(anna) as customers:
        eventually(lambda: len(customers.accepted) > 20, "orders are accepted")
        blue.gateway.kill()
        before = len(customers.accepted)
        eventually(lambda: len(customers.accepted) > before + 20, "orders are accepted again")
    assert_each_processed_once(backend, customers, blue)


def test_a_stopped_gateway_answers_what_it_was_asked(blue: ColourUnderTest) -> None:
    customer = blue.customer()
    blue.gateway.remove()
    # A login takes a second with this cost, long enough to be under way when the signal comes.
    blue.start_gateway(BCRYPT_COST="14")
    with blue.client() as idle, blue.client() as client, ThreadPoolExecutor(1) as pool:
        # It stays open and says nothing, not even goodbye.
        idle.get("/health")
        body = {"email": f"{uuid.uuid4().hex}@example.org", "password": customer.password}
        registration = pool.submit(client.post, "/api/auth/register", json=body)
        eventually(lambda: _in_flight(blue) == 1, "the registration is being answered")
        blue.gateway.stop()
        assert registration.result().status_code == 201
    assert docker("inspect", "-f", "{{.State.ExitCode}}", blue.gateway.name) == "0"
    blue.gateway.remove()
    blue.start_gateway()


def test_a_stopped_processor_leaves_at_once(blue: ColourUnderTest) -> None:
    blue.processor.stop()
    assert docker("inspect", "-f", "{{.State.ExitCode}}", blue.processor.name) == "0"
    blue.processor.start()


def test_an_order_that_cannot_be_processed_fails_in_the_end(backend: Backend, blue: ColourUnderTest, anna: Customer) -> None:
    blue.processor.remove()
    order_id = anna.order(note="about to be damaged")
    [(note,)] = backend.sql("SELECT note FROM orders WHERE id = %s", order_id)
    backend.sql("UPDATE orders SET note = %s WHERE id = %s", note[:-1] + bytes([note[-1] ^ 1]), order_id)
    after_it = anna.order()
    blue.start_processor(MOST_FAILURES="2")
    eventually(lambda: events(backend, order_id) == [("failed", "blue")], "the order is given up")
    assert backend.sql("SELECT status, processed_at FROM orders WHERE id = %s", order_id) == [("failed", None)]
    anna.see_processed(after_it)
    blue.processor.remove()
    blue.start_processor()


def test_a_new_database_password_is_picked_up(backend: Backend, blue: ColourUnderTest, anna: Customer) -> None:
    old = backend.secret("app", "db_password")
    secrets = blue.cloud("secretsmanager")
    secret_id = "echobase/test/database"
    secret = json.loads(secrets.get_secret_value(SecretId=secret_id)["SecretString"])
    for password in ("a new one", old):
        secrets.put_secret_value(SecretId=secret_id, SecretString=json.dumps(secret | {"password": password}))
        backend.change_application_password(password)
        anna.see_processed(anna.order())


class Queue:
    """The colour's queue, from outside."""

    def __init__(self, colour: ColourUnderTest) -> None:
        self._colour = colour
        self._client = colour.cloud("sqs")
        self._url = self._client.get_queue_url(QueueName=f"echobase-test-{colour.name}-orders")["QueueUrl"]

    def send(self, body: object) -> None:
        self._client.send_message(QueueUrl=self._url, MessageBody=json.dumps(body))

    def receive(self) -> dict[str, object]:
        return dict(self._client.receive_message(QueueUrl=self._url, VisibilityTimeout=0))

    def wait_and_hang_up(self) -> None:
        """As somebody does who is killed while the queue waits for messages on his behalf."""
        impatient = self._colour.cloud("sqs", Config(read_timeout=1, retries={"total_max_attempts": 1}))
        with pytest.raises(ReadTimeoutError):
            impatient.receive_message(QueueUrl=self._url, WaitTimeSeconds=20)

    @property
    def is_empty(self) -> bool:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self._client.get_queue_attributes(QueueUrl=self._url, AttributeNames=names)["Attributes"]
        return all(int(found[name]) == 0 for name in names)


def _answers(customer: Customer) -> bool:
    try:
        return customer.client.get("/health").status_code == 200
    except httpx.TransportError:
        return False


def _in_flight(colour: ColourUnderTest) -> int:
    with colour.client() as client:
        return int(client.get("/ready").json()["in_flight"])
