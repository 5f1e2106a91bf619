"""What cannot be handled waits for an operator, who has it handled again, once, or gives it up; and what has expired is deleted."""

from __future__ import annotations

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from harness.backend_fixtures import Backend, ColourUnderTest, Customer, backend, empty_backend
from harness.waiting import eventually

pytestmark = pytest.mark.long_on("postgresql")

__all__ = ["backend", "empty_backend"]


@pytest.fixture(scope="module")
def blue(backend: Backend) -> ColourUnderTest:
    colour = backend.colour("blue")
    colour.extra = {"MOST_FAILURES": "1"}
    colour.start()
    return colour


@pytest.fixture
def anna(blue: ColourUnderTest) -> Customer:
    return blue.customer()


def letters(colour: ColourUnderTest, *arguments: str) -> dict[str, Any]:
    done = colour.processor.execute("python", "-m", "order_processor.dead_letters", *arguments)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def refused(colour: ColourUnderTest, *arguments: str) -> str:
    done = colour.processor.execute("python", "-m", "order_processor.dead_letters", *arguments)
    assert done.returncode != 0
    return done.stderr


def events(backend: Backend, order_id: str) -> set[str]:
    return {event for [event] in backend.sql("SELECT event FROM order_events WHERE order_id = %s", order_id)}


def given_up(backend: Backend, blue: ColourUnderTest, customer: Customer) -> tuple[str, bytes]:
    """An order whose note cannot be read, and what the note was."""
    blue.processor.stop()
    order_id = customer.order(note="ring twice")
    [(note,)] = backend.sql("SELECT note FROM orders WHERE id = %s", order_id)
    backend.sql("UPDATE orders SET note = %s WHERE id = %s", note[:-1] + bytes([note[-1] ^ 1]), order_id)
    blue.processor.start()
    eventually(lambda: status_of(backend, order_id) == "failed", "the order is given up")
    return order_id, bytes(note)


def status_of(backend: Backend, order_id: str) -> str:
    return str(backend.sql("SELECT status FROM orders WHERE id = %s", order_id)[0][0])


@pytest.fixture
def failed(backend: Backend, blue: ColourUnderTest, anna: Customer) -> tuple[str, bytes]:
    return given_up(backend, blue, anna)


def test_a_letter_is_replayed_once_however_often_that_is_asked(
    backend: Backend, blue: ColourUnderTest, anna: Customer, failed: tuple[str, bytes]
) -> None:
    order_id, note = failed
    [letter] = letters(blue, "list")["letters"]
    assert (letter["id"], letter["kind"], letter["colour"]) == (order_id, "order", "blue")
    assert "attempt 1 of 1 failed" in letter["reason"]
    assert "ring twice" not in str(letter)
    assert anna.client.get("/ready").json()["dead_letters"] == 1

    # Its cause is still there: it fails again, and is a letter again.
    assert letters(blue, "replay", "--id", order_id) == {"replayed": [order_id], "absent": [], "left": 0}
    eventually(lambda: letters(blue, "list")["count"] == 1, "it is given up again")
    assert events(backend, order_id) == {"failed_1", "replayed_1", "failed"}

    backend.sql("UPDATE orders SET note = %s WHERE id = %s", note, order_id)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: letters(blue, "replay", "--id", order_id), range(4)))
    assert sorted(len(answer["replayed"]) for answer in answers) == [0, 0, 0, 1]
    assert anna.see_processed(order_id)["note"] == "ring twice"
    assert letters(blue, "replay", "--id", order_id) == {"replayed": [], "absent": [order_id], "left": 0}
    assert events(backend, order_id) == {"failed_1", "replayed_1", "failed_2", "replayed_2", "processed"}
    assert anna.client.get("/ready").json()["dead_letters"] == 0


def test_all_are_discarded_by_who_knows_how_many_there_are(
    backend: Backend, blue: ColourUnderTest, anna: Customer, failed: tuple[str, bytes]
) -> None:
    order_id, _ = failed
    assert "there are 1 dead letters, not 2" in refused(blue, "discard", "--all", "--count", "2")
    assert "--all needs --count" in refused(blue, "discard", "--all")
    assert "is not the id of a dead letter" in refused(blue, "discard", "--id", "1; DROP TABLE orders")
    assert letters(blue, "list")["count"] == 1
    assert letters(blue, "discard", "--all", "--count", "1") == {"discarded": [order_id], "absent": [], "left": 0}
    assert status_of(backend, order_id) == "failed"
    assert events(backend, order_id) == {"failed", "discarded"}


def test_a_message_that_names_no_order_is_kept_and_can_be_sent_again(backend: Backend, blue: ColourUnderTest) -> None:
    cloud = blue.cloud("sqs")
    queue = cloud.get_queue_url(QueueName="echobase-test-blue-orders")["QueueUrl"]
    for body in ("no JSON \u00e4", json.dumps({"order_id": "1; DROP TABLE orders"})):
        cloud.send_message(QueueUrl=queue, MessageBody=body)
    eventually(lambda: letters(blue, "list")["count"] == 2, "both are kept")
    found = letters(blue, "list")["letters"]
    assert {letter["kind"] for letter in found} == {"message"}
    assert "no JSON \u00e4" in [letter["body"] for letter in found]
    # Sent again as it is, it comes back as another letter.
    first = found[0]["id"]
    assert letters(blue, "replay", "--id", first)["replayed"] == [first]
    eventually(lambda: first not in str(later := letters(blue, "list")) and later["count"] == 2, "it came back")
    assert letters(blue, "discard", "--all", "--count", "2")["left"] == 0


def test_what_the_queue_itself_gave_up_is_collected(backend: Backend, blue: ColourUnderTest, anna: Customer) -> None:
    cloud = blue.cloud("sqs")
    policy = cloud.get_queue_attributes(
        QueueUrl=cloud.get_queue_url(QueueName="echobase-test-blue-orders")["QueueUrl"], AttributeNames=["RedrivePolicy"]
    )["Attributes"]["RedrivePolicy"]
    assert json.loads(policy)["deadLetterTargetArn"].endswith(":echobase-test-blue-orders-dead")
    dead = cloud.get_queue_url(QueueName="echobase-test-blue-orders-dead")["QueueUrl"]
    # One names an order that the outbox knows better than any message.
    done = anna.order()
    anna.see_processed(done)
    blue.processor.stop()
    for body in ("dead", json.dumps({"order_id": done})):
        cloud.send_message(QueueUrl=dead, MessageBody=body)
    blue.processor.start()
    eventually(lambda: [letter["body"] for letter in letters(blue, "list")["letters"]] == ["dead"], "it is collected")
    attributes = cloud.get_queue_attributes(QueueUrl=dead, AttributeNames=["All"])["Attributes"]
    assert (attributes["ApproximateNumberOfMessages"], attributes["ApproximateNumberOfMessagesNotVisible"]) == ("0", "0")
    letters(blue, "discard", "--all", "--count", "1")
    assert events(backend, done) == {"processed"}


def test_a_key_that_expired_is_another_order(backend: Backend, anna: Customer) -> None:
    key = str(uuid.uuid4())
    first = anna.order(key=key)
    assert anna.order(key=key) == first
    backend.sql("UPDATE idempotency_keys SET created_at = '2026-01-01 00:00:00' WHERE order_id = %s", first)
    second = anna.order("coffee", key=key)
    assert second != first
    assert anna.order("coffee", key=key) == second
    assert {anna.see_processed(order_id)["item"] for order_id in (first, second)} == {"tea", "coffee"}


def test_thirty_at_once_with_a_key_that_expired_are_one_order(backend: Backend, anna: Customer) -> None:
    key = str(uuid.uuid4())
    first = anna.order(key=key)
    backend.sql("UPDATE idempotency_keys SET created_at = '2026-01-01 00:00:00' WHERE order_id = %s", first)
    with ThreadPoolExecutor(30) as pool:
        answers = set(pool.map(lambda _: anna.order(key=key), range(30)))
    assert len(answers) == 1
    assert answers != {first}


def test_the_sweep_deletes_what_expired_in_batches(backend: Backend, blue: ColourUnderTest, anna: Customer) -> None:
    blue.processor.stop()
    kept = anna.order(key="still-counts")
    user = backend.sql("SELECT id FROM users WHERE email = %s", anna.email)[0][0]
    columns = "(user_id, key_hash, body_mac, order_id, created_at) VALUES"
    with backend.connect() as connection, connection.cursor() as cursor:
        rows = [(user, f"expired {number}", "x", kept, "2026-01-01 00:00:00") for number in range(450)]
        cursor.executemany(f"INSERT INTO idempotency_keys {columns} (%s, %s, %s, %s, %s)", rows)
    backend.sql("UPDATE sessions SET expires_at = '2026-01-01 00:00:00'")
    backend.sql("INSERT INTO login_failures (address_hash, failures, last_at) VALUES ('old', 1, '2026-01-01 00:00:00')")
    anna.client.post("/api/auth/login", json={"email": anna.email, "password": "not the password"})
    blue.processor.start()
    eventually(lambda: backend.sql("SELECT COUNT(*) FROM idempotency_keys WHERE key_hash LIKE 'expired%%'") == [(0,)], "they are gone")
    assert backend.sql("SELECT COUNT(*) FROM idempotency_keys WHERE order_id = %s", kept) == [(1,)]
    assert backend.sql("SELECT COUNT(*) FROM sessions") == [(0,)]
    assert [failures for [failures] in backend.sql("SELECT failures FROM login_failures")] == [1]
    assert backend.sql("SELECT COUNT(*) FROM login_failures WHERE address_hash = 'old'") == [(0,)]
