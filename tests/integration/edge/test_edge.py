"""The real edge before two minimal colours: which of them answers, what it sees of the customer, and what the edge survives."""

from __future__ import annotations

import concurrent.futures
import json
import os
import re
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from ansible_collections.echobase.platform.plugins.module_utils.traffic.weights import Weights
from api_gateway.__main__ import IDLE_SECONDS
from harness.colour_under_test import ColourUnderTest
from harness.edge_fixtures import (
    BLUE,
    CLIENT,
    GREEN,
    PAGE,
    as_client,
    blue_is_live,
    colours,
    customer,
    customer_of,
    edge,
    new_client_id,
    switch,
)
from harness.edge_under_test import EdgeUnderTest
from harness.murmur import bucket_of
from harness.raw_http1 import RawConnection
from harness.throwaway_tls import make_certificates
from harness.waiting import eventually

__all__ = ["blue_is_live", "colours", "customer", "edge"]

CHECKOUT = Path(__file__).resolve().parents[3]
REQUEST = b"POST /api/orders HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello"
PREVIEW, OPERATOR = "echobase_test_preview", "echobase_test_operator"


# --- which colour ----------------------------------------------------------------------------------------


def test_a_switch_takes_effect_with_the_next_request(edge: EdgeUnderTest, customer: httpx.Client) -> None:
    for _ in range(5):
        for weights, name in ((GREEN, "green"), (BLUE, "blue")):
            switch(edge, weights)
            assert customer.get("/").headers["X-Echobase-Colour"] == name


@pytest.mark.parametrize(
    ("path", "service"),
    [
        ("/", "frontend"),
        ("/assets/app.js", "frontend"),
        ("/readyish", "frontend"),
        ("/apix", "frontend"),
        ("/assets", "frontend"),
        ("/api/orders?limit=5", "gateway"),
        ("/api", "gateway"),
        ("/api/auth", "gateway"),
        ("/api/auth/login", "gateway"),
        ("/health", "gateway"),
        ("/health/db", "gateway"),
        ("/ready", "gateway"),
        ("/openapi.json", "gateway"),
    ],
)
def test_paths_lead_to_gateway_or_frontend(customer: httpx.Client, path: str, service: str) -> None:
    seen = customer.get(path).json()
    assert (seen["service"], seen["path"]) == (service, path)


@pytest.mark.parametrize("path", ["/docs", "/docs/", "/docs/swagger-ui-bundle.js", "/%64ocs", "/redoc"])
def test_the_page_of_the_contract_is_not_for_customers(customer: httpx.Client, colours: dict[str, ColourUnderTest], path: str) -> None:
    answer = customer.get(path)
    assert (answer.status_code, answer.headers["X-Echobase-Error"]) == (404, "not-found")
    assert colours["blue"].requests == []


def test_a_new_client_gets_a_cookie_and_keeps_its_colour(edge: EdgeUnderTest, customer: httpx.Client) -> None:
    switch(edge, Weights(50, 50))
    first = customer.post("/api/orders", json={})
    cookie = first.headers["Set-Cookie"]
    assert re.fullmatch(rf"{CLIENT}=[0-9a-f]{{32}}; Path=/; Max-Age=2592000; Secure; HttpOnly; SameSite=Lax", cookie)
    for _ in range(10):
        again = customer.get("/")
        assert again.headers["X-Echobase-Colour"] == first.headers["X-Echobase-Colour"]
        assert "Set-Cookie" not in again.headers


@pytest.mark.parametrize("forged", ["../../blue/1", "ABCDEF0123456789ABCDEF0123456789", "0" * 31, "0" * 33, "", "green"])
def test_a_cookie_that_we_did_not_make_is_replaced(customer: httpx.Client, forged: str) -> None:
    answer = customer.get("/", headers={"Cookie": f"{CLIENT}={forged}"})
    assert answer.status_code == 200
    assert answer.headers["Set-Cookie"].startswith(f"{CLIENT}=")


def test_the_cookie_of_another_environment_on_this_host_means_nothing_here(customer: httpx.Client) -> None:
    answer = customer.get("/", headers={"Cookie": f"echobase_ci_client={new_client_id()}"})
    assert answer.headers["Set-Cookie"].startswith(f"{CLIENT}=")


# --- when there is no answer to "which colour" -----------------------------------------------------------


@pytest.mark.parametrize("part", ["generations", "current", "current/blue", "current/generation"])
def test_a_table_that_the_workers_cannot_read_is_never_silently_a_default(edge: EdgeUnderTest, customer: httpx.Client, part: str) -> None:
    hidden = edge.home / "routes" / part
    mode = hidden.stat().st_mode
    hidden.chmod(0)
    try:
        ready = customer.get("/edge/ready")
        assert (ready.status_code, ready.text) == (503, "the routing table cannot be read\n")
        if part == "current/generation":
            return
        answer = customer.post("/api/orders", json={})
        assert (answer.status_code, answer.headers["X-Echobase-Error"]) == (503, "routing-table-unreadable")
        trace_id = answer.headers["Trace-Id"]

        def alarms() -> list[str]:
            return [
                json.loads(line)["error"]
                for line in edge.logs().splitlines()
                if trace_id in line and line.startswith("{") and "alert" in line
            ]

        # It may pass the filter of nginx's complaints, which takes a moment.
        eventually(lambda: alarms() == ["routing-table-unreadable"], "there is an alarm")
        if part == "current":
            eventually(lambda: edge.state()["Health"]["Status"] == "unhealthy", "the container becomes unhealthy")
    finally:
        hidden.chmod(mode)
    assert customer.get("/").status_code == 200
    edge.await_ready()


def test_many_switches_under_load_give_no_false_alarm_and_no_reload(edge: EdgeUnderTest, colours: dict[str, ColourUnderTest]) -> None:
    processes = nginx_processes(edge)
    stop = threading.Event()

    def keep_asking(number: int) -> int:
        with customer_of(edge) as client:
            count = 0
            while not stop.is_set():
                answer = client.post("/api/orders", content=f"{number}-{count}")
                assert answer.status_code == 200, (answer.status_code, answer.headers, answer.text)
                assert (answer.json()["method"], answer.json()["body"]) == ("POST", f"{number}-{count}")
                count += 1
            return count

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        askers = [pool.submit(keep_asking, number) for number in range(4)]
        for number in range(150):
            switch(edge, (GREEN, Weights(50, 50), BLUE)[number % 3])
        stop.set()
        answered = sum(asker.result() for asker in askers)
    assert answered > 100
    assert nginx_processes(edge) == processes


def nginx_processes(edge: EdgeUnderTest) -> list[str]:
    listing = subprocess.run(["docker", "top", edge.container, "-eo", "pid,args"], check=True, capture_output=True, text=True).stdout
    return sorted(line.split()[0] for line in listing.splitlines() if "nginx: " in line)


# --- what a colour gets to see ---------------------------------------------------------------------------


def test_a_colour_sees_the_real_client_and_nothing_that_it_claims(edge: EdgeUnderTest) -> None:
    claims = {
        "X-Forwarded-For": "6.6.6.6",
        "X-Real-IP": "6.6.6.6",
        "Forwarded": "for=6.6.6.6",
        "X-Forwarded-Proto": "http",
        "X-Forwarded-Host": "evil.example",
        "X-Request-Id": "chosen-by-the-client",
        "X-Echobase-Colour": "green",
        "X-Echobase-Release": "9.9.9",
    }
    transport = httpx.HTTPTransport(local_address="127.0.0.9", verify=edge.tls_context())
    with httpx.Client(base_url=f"https://localhost:{edge.port}", transport=transport) as client:
        answer = client.get("/", headers=claims)
    seen = answer.json()["headers"]
    assert (seen["x-forwarded-for"], seen["x-real-ip"], seen["x-forwarded-proto"]) == ("127.0.0.9", "127.0.0.9", "https")
    assert seen["host"] == f"localhost:{edge.port}"
    assert re.fullmatch(r"[0-9a-f]{32}", seen["x-request-id"])
    assert answer.headers.get_list("X-Request-Id") == [seen["x-request-id"]]
    assert not {"forwarded", "x-forwarded-host", "x-echobase-colour", "x-echobase-release"} & set(seen)
    assert answer.headers["X-Echobase-Colour"] == "blue"


def test_connections_to_a_colour_are_reused(customer: httpx.Client) -> None:
    assert customer.get("/").json()["headers"].get("connection") is None


# --- when a colour is away -------------------------------------------------------------------------------


def test_a_colour_that_is_away_gives_a_friendly_page_and_the_other_one_is_never_asked(
    customer: httpx.Client, colours: dict[str, ColourUnderTest]
) -> None:
    colours["blue"].stop()
    try:
        page = customer.get("/", headers=PAGE)
        assert (page.status_code, page.headers["X-Echobase-Error"]) == (502, "colour-away")
        assert page.headers["Content-Type"] == "text/html; charset=utf-8"
        problem = customer.post("/api/orders", json={"quantity": 1})
        assert (problem.status_code, problem.json()["status"]) == (502, 502)
        assert problem.headers["Content-Type"] == "application/problem+json"
        assert colours["green"].requests == []
    finally:
        colours["blue"].start()
    assert customer.get("/").status_code == 200


def test_a_colours_own_errors_pass_unchanged(customer: httpx.Client, colours: dict[str, ColourUnderTest]) -> None:
    colours["blue"].statuses["/ready"] = 503
    answer = customer.get("/ready")
    assert (answer.status_code, answer.json()["colour"]) == (503, "blue")
    assert "X-Echobase-Error" not in answer.headers


def test_a_colour_with_the_other_ones_certificate_gets_no_request(
    edge: EdgeUnderTest, customer: httpx.Client, colours: dict[str, ColourUnderTest], tmp_path: Path
) -> None:
    colours["blue"].stop()
    own, colours["blue"].tls_folder = colours["blue"].tls_folder, colours["green"].tls_folder
    colours["blue"].start()
    try:
        assert customer.get("/").status_code == 502
        make_certificates(tmp_path / "tls", ["blue.echobase.internal"])
        colours["blue"].stop()
        colours["blue"].tls_folder = tmp_path / "tls" / "blue"
        colours["blue"].start()
        assert customer.get("/").status_code == 502
        assert colours["blue"].requests == []
    finally:
        colours["blue"].stop()
        colours["blue"].tls_folder = own
        colours["blue"].start()
    assert customer.get("/").status_code == 200


# --- what is kept of it ----------------------------------------------------------------------------------


def test_the_access_log_tells_who_answered_and_keeps_secrets(edge: EdgeUnderTest, customer: httpx.Client) -> None:
    headers = {"Authorization": "Bearer s3cret-token", "Cookie": f"{CLIENT}={new_client_id()}; other=s3cret-cookie"}
    line = edge.logged(customer.get("/api/orders?key=s3cret-query", headers=headers).headers["Trace-Id"])
    assert (line["colour"], line["status"], line["path"], line["entrance"]) == ("blue", 200, "/api/orders", "public")
    assert (line["error"], line["replayed_from"]) == ("", "")
    assert float(line["upstream_seconds"]) >= 0
    assert 0 <= int(line["bucket"]) < 100
    assert "s3cret" not in json.dumps(edge.access_log()) + edge.logs()


def test_the_access_log_is_written_without_being_asked_and_goes_on_in_a_new_file(edge: EdgeUnderTest, customer: httpx.Client) -> None:
    log = edge.home / "edge-log" / "access.log"
    first = customer.get("/").headers["Trace-Id"]
    eventually(lambda: first in log.read_text(), "the request is logged")
    log.rename(log.with_name("access.log.1"))
    os.kill(edge.state()["Pid"], signal.SIGUSR1)
    eventually(log.exists, "a new file is opened")
    edge.logged(customer.get("/").headers["Trace-Id"])


def test_who_calls_hangs_up_first(edge: EdgeUnderTest) -> None:
    edge_conf = edge.render("nginx.conf.j2")
    to_client, *to_colours = [int(seconds) for seconds in re.findall(r"^\s*keepalive_timeout (\d+)s;", edge_conf, re.M)]
    frontend = (CHECKOUT / "images" / "frontend" / "nginx.conf.template").read_text()
    at_frontend = int(re.findall(r"keepalive_timeout (\d+)s;", frontend)[0])
    assert to_client == 75
    # The collector of browsers' telemetry never hangs up; to it the edge keeps a connection for less.
    to_colours.remove(20)
    assert len(to_colours) >= 4
    assert set(to_colours) == {60}
    assert min(at_frontend, IDLE_SECONDS) > max(to_colours)


# --- what is not for customers, nor for colours ----------------------------------------------------------


def test_customers_cannot_choose(customer: httpx.Client) -> None:
    for cookies in (f"{PREVIEW}=green", f"{PREVIEW}=green; {OPERATOR}=whatever"):
        assert customer.get("/", headers={"Cookie": cookies}).headers["X-Echobase-Colour"] == "blue"
    assert customer.get("/preview/green").json()["service"] == "frontend"


@pytest.mark.parametrize(
    ("sent", "passed_on"),
    [
        (f"{OPERATOR}=s3cret", None),
        (f"a=1; {OPERATOR}=s3cret; b=2", "a=1; b=2"),
        (f"{PREVIEW}=s3cret; b=2", "b=2"),
        (f"a=1; {PREVIEW}=s3cret", "a=1;"),
        (f"a=1; {PREVIEW}=s3cret; b=2; {OPERATOR}=s3cret; c=3", "a=1; b=2; c=3"),
        (f"{OPERATOR}=s3cret; {OPERATOR}=s3cret; b=2", None),
        (f"a=1; not_{OPERATOR}=2", f"a=1; not_{OPERATOR}=2"),
        ("a=1; b=2", "a=1; b=2"),
    ],
)
def test_no_colour_ever_sees_what_opens_the_operators_entrance(customer: httpx.Client, sent: str, passed_on: str | None) -> None:
    assert customer.get("/", headers={"Cookie": sent}).json()["headers"].get("cookie") == passed_on


def test_what_is_in_flight_is_asked_at_the_colour_itself(customer: httpx.Client, colours: dict[str, ColourUnderTest]) -> None:
    assert customer.get("/in-flight").status_code == 404
    assert colours["blue"].requests == []


# --- leaving ---------------------------------------------------------------------------------------------


@pytest.fixture
def leave(edge: EdgeUnderTest) -> Iterator[Callable[[], None]]:
    def inside(*command: str) -> None:
        subprocess.run(["docker", "exec", edge.container, *command], check=True)

    yield lambda: inside("edge-leave")
    inside("sh", "-c", "ln -sfn /routes /tmp/table && rm -f /tmp/leaving")


def test_a_leaving_edge_serves_everybody_and_sends_them_elsewhere(
    edge: EdgeUnderTest, colours: dict[str, ColourUnderTest], leave: Callable[[], None]
) -> None:
    colours["blue"].held["/api/slow"] = threading.Event()
    with RawConnection(edge.port, edge.tls_context()) as quiet, RawConnection(edge.port, edge.tls_context()) as waiting:
        quiet.send(REQUEST)
        assert "connection: close" not in head_of(quiet)
        waiting.send(REQUEST.replace(b"/api/orders", b"/api/slow"))
        eventually(lambda: any(request.path == "/api/slow" for request in colours["blue"].requests), "the request arrives")
        leave()
        colours["blue"].held["/api/slow"].set()
        assert "200 OK" in head_of(waiting)
        for connection in (quiet, waiting):
            connection.send(REQUEST)
            answer = connection.answer()
            assert answer is not None
            assert (answer.status, json.loads(answer.body)["body"]) == (200, "hello")
            assert "connection: close" in answer.head.lower()
            assert connection.answer() is None


@pytest.mark.parametrize("headers", [{}, {"Accept": "text/event-stream"}, {"Idempotency-Key": "1"}])
def test_a_leaving_edge_still_knows_candidates(
    edge: EdgeUnderTest, colours: dict[str, ColourUnderTest], leave: Callable[[], None], headers: dict[str, str]
) -> None:
    weights = Weights(80, 20)
    switch(edge, weights)
    leave()
    with customer_of(edge) as client:
        for client_id in (new_client_id() for _ in range(10)):
            mine = "green" if bucket_of(client_id) in weights.buckets("green") else "blue"
            answer = client.post("/api/orders", headers=headers | as_client(client_id))
            assert (answer.headers["X-Echobase-Colour"], answer.headers["Connection"]) == (mine, "close")
        colours["green"].failure = lambda _: "500"
        candidates_own = next(made for made in iter(new_client_id, "") if bucket_of(made) in weights.buckets("green"))
        replayed = client.get("/", headers=as_client(candidates_own))
        assert (replayed.status_code, replayed.json()["colour"], replayed.headers["Connection"]) == (200, "blue", "close")
        switch(edge, weights, maintenance=True)
        closed = client.get("/")
        assert (closed.status_code, closed.headers["X-Echobase-Error"], closed.headers["Connection"]) == (503, "maintenance", "close")


def head_of(connection: RawConnection) -> str:
    answer = connection.answer()
    assert answer is not None
    return answer.head.lower().replace("200 ok", "200 OK")


# --- falls and rises -------------------------------------------------------------------------------------


def test_killed_workers_and_masters_come_back_with_the_same_table(edge: EdgeUnderTest, customer: httpx.Client) -> None:
    switch(edge, GREEN)
    master = edge.state()["Pid"]
    workers = [int(pid) for pid in nginx_processes(edge) if int(pid) != master]
    for worker in workers:
        os.kill(worker, signal.SIGKILL)
    eventually(lambda: answers(customer, "green"), "a worker comes back")
    assert edge.state()["Pid"] == master
    os.kill(master, signal.SIGKILL)
    eventually(lambda: edge.state()["Pid"] not in (0, master) and answers(customer, "green"), "the edge comes back")


def answers(client: httpx.Client, colour: str) -> bool:
    try:
        return bool(client.get("/").headers.get("X-Echobase-Colour") == colour)
    except httpx.TransportError:
        return False
