"""What gateway and processor tell about orders, to a real OTLP server, and what they do while there is none."""

from __future__ import annotations

import json
import os
import signal
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path

import pytest

from harness.backend_fixtures import Backend, ColourUnderTest, Container, Customer, backend, docker, empty_backend
from harness.otlp_sink import CLIENT, CONSUMER, FAILED, PRODUCER, SERVER, OtlpSink, black_hole, hanging, nobody_there, otlp_sink
from harness.waiting import eventually

pytestmark = pytest.mark.long_on("postgresql")

__all__ = ["backend", "empty_backend"]

LONGEST_STOP_SECONDS = 3.0
CALLER = "00000000000000e1"


def telemetry_to(endpoint: str) -> dict[str, str]:
    return {
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_EXPORTER_OTLP_TIMEOUT": "2",
        "OTEL_BSP_SCHEDULE_DELAY": "100",
        "OTEL_BLRP_SCHEDULE_DELAY": "100",
        "OTEL_METRIC_EXPORT_INTERVAL": "500",
    }


@pytest.fixture(scope="module")
def host_address(backend: Backend) -> str:
    """This machine's address as the containers see it."""
    return docker("network", "inspect", "-f", "{{(index .IPAM.Config 0).Gateway}}", backend.network)


@pytest.fixture(scope="module")
def sink(host_address: str) -> Iterator[OtlpSink]:
    with otlp_sink(host_address) as sink:
        yield sink


@pytest.fixture(scope="module")
def blue(backend: Backend, sink: OtlpSink) -> ColourUnderTest:
    colour = backend.colour("blue")
    colour.extra = telemetry_to(sink.url)
    colour.start()
    return colour


@pytest.fixture(scope="module")
def anna(blue: ColourUnderTest) -> Customer:
    return blue.customer()


def new_trace() -> str:
    return uuid.uuid4().hex


def order(customer: Customer, trace_id: str, sampled: bool = True, note: str | None = None) -> str:
    """Orders as the edge hands it on: with the trace that it made for the request."""
    answer = customer.client.post(
        "/api/orders?source=planted-query",
        json={"item": "planted-item", "quantity": 1, "note": note},
        headers=customer.headers
        | {"Idempotency-Key": f"planted-key-{trace_id}", "Cookie": "session=planted-cookie"}
        | {"traceparent": f"00-{trace_id}-{CALLER}-{'01' if sampled else '00'}"},
    )
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def test_an_order_is_one_trace_from_the_edge_to_its_row(sink: OtlpSink, blue: ColourUnderTest, anna: Customer) -> None:
    trace_id = new_trace()
    order_id = order(anna, trace_id, note="with a note")
    anna.see_processed(order_id)

    served = sink.await_span("POST /api/orders", trace_id)
    stored = sink.await_span("INSERT idempotency_keys, INSERT orders, INSERT outbox", trace_id)
    sent = sink.await_span("orders publish", trace_id)
    handled = sink.await_span("orders process", trace_id)
    finished = sink.await_span("SELECT outbox, INSERT order_events, UPDATE orders, UPDATE outbox", trace_id)
    chain = (served, stored, sent, handled, finished)
    assert [span.kind for span in chain] == [SERVER, CLIENT, PRODUCER, CONSUMER, CLIENT]
    assert [span.parent_id for span in chain] == [CALLER, served.span_id, served.span_id, sent.span_id, handled.span_id]
    assert handled.links == ((trace_id, sent.span_id),)
    assert {span.attributes.get("echobase.order.id") for span in (sent, handled)} == {order_id}
    assert served.attributes == {"http.request.method": "POST", "http.response.status_code": 202, "http.route": "/api/orders"}
    assert "INSERT INTO orders (id," in stored.attributes["db.query.text"]

    processes = {(span.resource["service.name"], span.resource["service.instance.id"]) for span in chain}
    assert sorted(name for name, _ in processes) == ["api-gateway", "order-processor"]
    assert all(
        (span.resource["deployment.environment.name"], span.resource["echobase.colour"], span.resource["echobase.release"])
        == ("test", "blue", "0.1.0-blue")
        for span in chain
    )
    told = eventually(lambda: sink.logs(trace_id), "the log line names the trace")
    assert [(log.resource["service.name"], log.text) for log in told] == [("order-processor", f"order {order_id}: processed")]
    assert f"order {order_id}: processed trace_id={trace_id}" in blue.processor.logs

    def example(metric: str, **attributes: object) -> bool:
        return any(trace_id in point.examples and attributes.items() <= point.attributes.items() for point in sink.points(metric))

    eventually(lambda: example("http.server.request.duration", **{"http.route": "/api/orders"}), "the request is an example of a duration")
    for metric in ("echobase.orders.placed", "echobase.order.age"):
        eventually(lambda metric=metric: example(metric), f"the order is an example of {metric}")  # type: ignore[misc]
    eventually(lambda: example("echobase.orders.processed", result="processed"), "the order is an example of what was processed")


def test_what_waits_is_measured(sink: OtlpSink, blue: ColourUnderTest) -> None:
    for metric in ("echobase.outbox.unfinished", "echobase.outbox.oldest_age", "echobase.queue.depth", "echobase.queue.in_flight"):
        eventually(lambda metric=metric: sink.points(metric), f"{metric} is measured")  # type: ignore[misc]
    # Before anything has failed, so that an increase can be seen.
    results = {point.attributes["result"] for point in sink.points("echobase.orders.processed")}
    assert results == {"processed", "failed", "postponed"}
    assert {point.value for point in sink.points("echobase.orders.failed")} == {0}


def test_what_the_edge_does_not_sample_is_not_told(sink: OtlpSink, anna: Customer) -> None:
    unsampled, marker = new_trace(), new_trace()
    anna.see_processed(order(anna, unsampled, sampled=False))
    order(anna, marker)
    # Later spans have arrived, so that earlier ones would have.
    sink.await_span("orders process", marker)
    assert sink.spans(unsampled) == []


def test_questions_about_health_are_not_told(sink: OtlpSink, anna: Customer) -> None:
    marker = new_trace()
    for path in ("/health/all", "/ready", "/in-flight"):
        assert anna.client.get(path).status_code == 200
    order(anna, marker)
    sink.await_span("POST /api/orders", marker)
    assert {span.name.split()[0] for span in sink.spans() if span.kind == SERVER} <= {"GET", "POST"}
    assert not sink.holds("/ready") and not sink.holds("/health") and not sink.holds("in-flight")


def test_messages_and_rows_of_older_releases_are_handled(backend: Backend, sink: OtlpSink, blue: ColourUnderTest, anna: Customer) -> None:
    # A consumer that is killed while it waits would be given the messages.
    blue.processor.stop()
    blue.processor.remove()
    trace_id, forgotten = new_trace(), new_trace()
    with_row = order(anna, trace_id)
    without = order(anna, forgotten)
    backend.sql("UPDATE outbox SET trace_context = NULL WHERE order_id = %s", without)
    # As if an older relay had sent them: it knows nothing of a context.
    moment = datetime(2999, 1, 1)
    backend.sql("UPDATE outbox SET sent_at = created_at, leased_until = %s WHERE order_id IN (%s, %s)", moment, with_row, without)
    sqs = blue.cloud("sqs")
    queue = sqs.get_queue_url(QueueName="echobase-test-blue-orders")["QueueUrl"]
    for order_id in (with_row, without):
        sqs.send_message(QueueUrl=queue, MessageBody=json.dumps({"order_id": order_id}))
    blue.start_processor()
    for order_id in (with_row, without):
        anna.see_processed(order_id)
    assert sink.await_span("orders process", trace_id).parent_id == sink.await_span("POST /api/orders", trace_id).span_id
    own = eventually(lambda: [span for span in sink.spans() if span.attributes.get("echobase.order.id") == without], "it is told")
    assert [(span.name, span.parent_id) for span in own] == [("orders process", "")]
    assert own[0].trace_id != forgotten


def test_the_trace_goes_on_in_the_other_colour(backend: Backend, sink: OtlpSink, blue: ColourUnderTest, anna: Customer) -> None:
    green = backend.colour("green")
    green.extra = telemetry_to(sink.url)
    green.start_emulator()
    blue.processor.remove()
    trace_id = new_trace()
    order_id = order(anna, trace_id)
    # On a busy machine an order of the test before may not have been finished when the processor went.
    assert json.loads(blue.drain(deadline=0, hand_to="green").stdout)["handed_over"] >= 1
    green.start_processor()
    anna.see_processed(order_id)
    handled = sink.await_span("orders process", trace_id)
    sent = sink.await_span("orders publish", trace_id)
    assert sent.parent_id == sink.await_span("POST /api/orders", trace_id).span_id
    assert (handled.parent_id, handled.resource["echobase.colour"]) == (sent.span_id, "green")
    green.remove()
    blue.start_processor()


# PostgreSQL's driver takes the planted constraint for an address that is taken: no failure, and nothing that quotes.
@pytest.mark.engines("mariadb")
def test_nothing_that_is_nobodys_business_is_told(backend: Backend, sink: OtlpSink, blue: ColourUnderTest, anna: Customer) -> None:
    blue.processor.remove()
    trace_id = new_trace()
    order_id = order(anna, trace_id, note="planted-note")
    [(note,)] = backend.sql("SELECT note FROM orders WHERE id = %s", order_id)
    backend.sql("UPDATE orders SET note = %s WHERE id = %s", note[:-1] + bytes([note[-1] ^ 1]), order_id)
    blue.start_processor(MOST_FAILURES="1")
    assert anna.client.post("/api/auth/login", json={"email": anna.email, "password": "planted-password"}).status_code == 401
    assert anna.client.post("/api/auth/register", json={"email": anna.email, "password": anna.password}).status_code == 409
    assert anna.client.post("/api/orders", json={"item": "planted-item"}, headers=anna.headers).status_code == 422
    assert anna.client.get("/api/planted-path").status_code == 404
    # The database itself fails on what a customer sent, and quotes it.
    backend.sql("ALTER TABLE users ADD CONSTRAINT planted CHECK (email NOT LIKE 'planted-%%')")
    refused = anna.client.post("/api/auth/register", json={"email": "planted-address@example.org", "password": anna.password})
    backend.sql("ALTER TABLE users DROP CONSTRAINT planted")
    assert refused.status_code == 500
    failed = eventually(lambda: [span for span in sink.spans(trace_id) if span.name == "orders process"], "the failure is told")
    assert (failed[0].status, failed[0].attributes["echobase.order.result"]) == (FAILED, "failed")
    traceback = eventually(lambda: [log for log in sink.logs() if log.attributes.get("exception.type")], "the traceback is told")[0]
    sink.await_span("POST /api/auth/register", traceback.trace_id)
    assert f"trace_id={traceback.trace_id}" in blue.gateway.logs
    eventually(lambda: any(point.value == 1 for point in sink.points("echobase.orders.failed")), "the failure is counted")

    planted = [
        "planted-", anna.email, anna.email.partition("@")[0], anna.password, anna.token, anna.token.rpartition(".")[2],
        backend.secret("app", "db_password"), backend.secret("app", "token_key"), "Bearer",
    ]  # fmt: skip
    assert [text for text in planted if sink.holds(text)] == []
    logs = blue.gateway.logs + blue.processor.logs
    assert [text for text in planted if text in logs] == []


@pytest.mark.parametrize(
    "gone", [pytest.param(nobody_there, marks=pytest.mark.long), hanging, pytest.param(black_hole, marks=pytest.mark.long)]
)
def test_without_anybody_to_tell_nothing_waits(
    gone: Callable[[str], AbstractContextManager[str]], host_address: str, blue: ColourUnderTest
) -> None:
    with gone(host_address) as endpoint:
        restart(blue, endpoint)
        customer = blue.customer()
        for _ in range(20):
            began = time.monotonic()
            order_id = customer.order()
            assert time.monotonic() - began < 1
        customer.see_processed(order_id)
        # The exporters have something to wait for.
        eventually(lambda: "opentelemetry" in blue.gateway.logs, "the gateway has noticed that nobody answers")
        customer.order()
        for container, seconds in stop((blue.gateway, blue.processor)).items():
            assert seconds < LONGEST_STOP_SECONDS, container
            assert docker("inspect", "-f", "{{.State.ExitCode}}", container) == "0"
            complaints = [line for line in Container(container).logs.splitlines() if "opentelemetry" in line]
            assert len(complaints) <= 3, complaints


def test_what_was_not_told_yet_is_told_at_the_stop(blue: ColourUnderTest, sink: OtlpSink) -> None:
    blue.extra |= {"OTEL_BSP_SCHEDULE_DELAY": "60000", "OTEL_BLRP_SCHEDULE_DELAY": "60000", "OTEL_METRIC_EXPORT_INTERVAL": "60000"}
    restart(blue, sink.url)
    customer, trace_id = blue.customer(), new_trace()
    customer.see_processed(order(customer, trace_id))
    assert sink.spans(trace_id) == []
    assert max(stop((blue.gateway, blue.processor)).values()) < LONGEST_STOP_SECONDS
    for name in ("POST /api/orders", "orders publish", "orders process"):
        sink.await_span(name, trace_id)
    assert any(trace_id in point.examples for point in sink.points("echobase.order.age"))


def restart(colour: ColourUnderTest, endpoint: str) -> None:
    colour.gateway.remove()
    colour.processor.remove()
    where = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}
    with ThreadPoolExecutor() as pool:
        for started in (pool.submit(colour.start_gateway, **where), pool.submit(colour.start_processor, **where)):
            started.result()


def stop(containers: tuple[Container, ...]) -> dict[str, float]:
    """Gives for how long each process went on after the signal. The engine takes no part in it: how long it needs is its own affair."""

    def stopped(container: Container) -> float:
        docker("update", "--restart", "no", container.name)
        process = int(docker("inspect", "-f", "{{.State.Pid}}", container.name))
        began = time.monotonic()
        os.kill(process, signal.SIGTERM)
        eventually(lambda: not is_running(process), f"{container.name} ends", interval=0.01)
        seconds = time.monotonic() - began
        eventually(lambda: docker("inspect", "-f", "{{.State.Running}}", container.name) == "false", "the engine knows")
        return seconds

    with ThreadPoolExecutor() as pool:
        return dict(zip([container.name for container in containers], pool.map(stopped, containers), strict=True))


def is_running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False
