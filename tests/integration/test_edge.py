"""The real edge before two minimal colours: what a customer, an operator and a colour get to see of it."""

from __future__ import annotations

import base64
import concurrent.futures
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from ansible_collections.echobase.platform.plugins.module_utils.weights import EMPTY, Weights
from api_gateway.__main__ import IDLE_SECONDS
from integration.colour_under_test import ColourUnderTest, running_colour
from integration.edge_under_test import OPERATOR_PASSWORD, OPERATOR_SESSION, EdgeUnderTest, edge_facts, running_edge
from integration.images_under_test import image_tag
from integration.murmur import bucket_of
from integration.throwaway_tls import make_certificates

CHECKOUT = Path(__file__).resolve().parents[2]
BLUE, GREEN = Weights.all_to("blue"), Weights.all_to("green")
CLIENT, PREVIEW, OPERATOR = "echobase_test_client", "echobase_test_preview", "echobase_test_operator"
PAGE = {"Accept": "text/html,application/xhtml+xml"}
BASIC = httpx.BasicAuth("operator", OPERATOR_PASSWORD)


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EdgeUnderTest]:
    home = tmp_path_factory.mktemp("edge")
    facts = edge_facts(home, "integration", 20443, "127.77")
    with running_edge(facts, image_tag("nginx")) as edge:
        yield edge


@pytest.fixture(scope="module")
def colours(edge: EdgeUnderTest) -> Iterator[dict[str, ColourUnderTest]]:
    with running_colour(edge.facts, "blue") as blue, running_colour(edge.facts, "green") as green:
        yield {"blue": blue, "green": green}


@pytest.fixture(autouse=True)
def blue_is_live(edge: EdgeUnderTest, colours: dict[str, ColourUnderTest]) -> None:
    switch(edge, BLUE)
    for colour in colours.values():
        colour.requests.clear()
        colour.statuses.clear()


@pytest.fixture
def customer(edge: EdgeUnderTest) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"https://localhost:{edge.port}", verify=edge.tls_context()) as client:
        yield client


@pytest.fixture
def operator(edge: EdgeUnderTest) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"https://localhost:{edge.operators_port}", verify=edge.tls_context()) as client:
        yield client


def switch(edge: EdgeUnderTest, weights: Weights) -> None:
    edge.routes.commit(edge.routes.prepare(weights))
    edge.routes.prune()


def new_client_id() -> str:
    return secrets.token_hex(16)


def colour_for(client: httpx.Client, client_id: str) -> str:
    return str(client.get("/", headers={"Cookie": f"{CLIENT}={client_id}"}).headers["X-Echobase-Colour"])


def await_condition(condition: Callable[[], bool], what: str, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.05)


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
        ("/api/orders?limit=5", "gateway"),
        ("/api", "gateway"),
        ("/health", "gateway"),
        ("/health/db", "gateway"),
        ("/ready", "gateway"),
        ("/openapi.json", "gateway"),
        ("/docs", "gateway"),
    ],
)
def test_paths_lead_to_gateway_or_frontend(customer: httpx.Client, path: str, service: str) -> None:
    seen = customer.get(path).json()
    assert (seen["service"], seen["path"]) == (service, path)


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


def test_clients_only_move_towards_the_colour_that_grows(edge: EdgeUnderTest, customer: httpx.Client) -> None:
    clients = [new_client_id() for _ in range(120)]
    green_before: set[str] = set()
    for share in (10, 30, 60, 100):
        switch(edge, Weights(100 - share, share))
        green = {client for client in clients if colour_for(customer, client) == "green"}
        assert green_before <= green
        green_before = green
    assert green_before == set(clients)


def test_the_edge_divides_clients_as_the_weights_say(edge: EdgeUnderTest, customer: httpx.Client) -> None:
    weights = Weights(63, 37)
    switch(edge, weights)
    green = set(weights.buckets("green"))
    for client in (new_client_id() for _ in range(100)):
        assert colour_for(customer, client) == ("green" if bucket_of(client) in green else "blue")
    share = sum(bucket_of(new_client_id()) in green for _ in range(20_000)) / 20_000
    # Five standard deviations: once in two million runs.
    assert abs(share - 0.37) < 5 * (0.37 * 0.63 / 20_000) ** 0.5


# --- when there is no answer to "which colour" -----------------------------------------------------------


def test_before_the_first_release_there_is_a_friendly_page(edge: EdgeUnderTest, customer: httpx.Client) -> None:
    switch(edge, EMPTY)
    page = customer.get("/", headers=PAGE)
    assert (page.status_code, page.headers["Content-Type"]) == (503, "text/html; charset=utf-8")
    assert "No release is live yet" in page.text
    for problem in (customer.get("/"), customer.post("/api/orders", json={}, headers=PAGE), customer.delete("/x")):
        assert (problem.status_code, problem.headers["Content-Type"]) == (503, "application/problem+json")
        assert problem.json()["status"] == 503
        assert (problem.headers["X-Echobase-Error"], problem.headers["Retry-After"]) == ("nothing-live", "5")
    assert customer.get("/edge/ready").status_code == 200


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
        request_id = answer.headers["X-Request-Id"]
        alarm = next(json.loads(line) for line in edge.logs().splitlines() if request_id in line and '"level":"alert"' in line)
        assert alarm["error"] == "routing-table-unreadable"
        await_condition(lambda: edge.state()["Health"]["Status"] == "unhealthy", "the container did not become unhealthy")
    finally:
        hidden.chmod(mode)
    assert customer.get("/").status_code == 200
    edge.await_ready()


def test_many_switches_under_load_give_no_false_alarm_and_no_reload(edge: EdgeUnderTest, colours: dict[str, ColourUnderTest]) -> None:
    processes = nginx_processes(edge)
    stop = threading.Event()

    def keep_asking(number: int) -> int:
        with httpx.Client(base_url=f"https://localhost:{edge.port}", verify=edge.tls_context()) as client:
            count = 0
            while not stop.is_set():
                answer = client.post("/api/orders", content=f"{number}-{count}")
                assert answer.status_code == 200, (answer.status_code, answer.headers, answer.text)
                assert (answer.json()["method"], answer.json()["body"]) == ("POST", f"{number}-{count}")
                count += 1
            return count

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        askers = [pool.submit(keep_asking, number) for number in range(4)]
        for number in range(300):
            switch(edge, (GREEN, BLUE)[number % 2])
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
    assert seen["x-forwarded-host"] == seen["host"] == f"localhost:{edge.port}"
    assert re.fullmatch(r"[0-9a-f]{32}", seen["x-request-id"])
    assert answer.headers.get_list("X-Request-Id") == [seen["x-request-id"]]
    assert not {"forwarded", "x-echobase-colour", "x-echobase-release"} & set(seen)
    assert answer.headers["X-Echobase-Colour"] == "blue"


def test_connections_to_a_colour_are_reused(customer: httpx.Client) -> None:
    assert customer.get("/").json()["headers"].get("connection") is None


def test_websockets_pass(edge: EdgeUnderTest) -> None:
    with edge.tls_context().wrap_socket(socket.create_connection(("127.0.0.1", edge.port)), server_hostname="localhost") as connection:
        key = base64.b64encode(os.urandom(16)).decode()
        connection.sendall(
            f"GET /api/live HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        assert b"101 Switching Protocols" in read_until(connection, b"\r\n\r\n")
        connection.sendall(b"anything")
        assert read_until(connection, b"anything") == b"anything"


def test_nothing_but_websockets_is_upgraded(customer: httpx.Client) -> None:
    seen = customer.get("/", headers={"Upgrade": "h2c", "Connection": "Upgrade"}).json()["headers"]
    assert "upgrade" not in seen


def test_events_arrive_as_they_are_sent(customer: httpx.Client) -> None:
    with customer.stream("GET", "/api/events") as answer:
        assert next(answer.iter_bytes()) == b"data: first\n\n"


def read_until(connection: Any, end: bytes) -> bytes:
    content = b""
    while not content.endswith(end):
        piece = connection.recv(1)
        assert piece, content
        content += piece
    return content


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


# --- limits and manners ----------------------------------------------------------------------------------


def test_a_body_that_is_too_large_is_refused_in_the_clients_language(customer: httpx.Client) -> None:
    problem = customer.post("/api/orders", content=b"x" * 1_100_000)
    assert (problem.status_code, problem.headers["Content-Type"], problem.json()["status"]) == (413, "application/problem+json", 413)


def test_plain_http_is_shown_the_way(edge: EdgeUnderTest) -> None:
    answer = httpx.get(f"http://localhost:{edge.port}/api/orders?limit=5")
    assert (answer.status_code, answer.headers["Location"]) == (308, f"https://localhost:{edge.port}/api/orders?limit=5")


def test_http2_is_offered(edge: EdgeUnderTest) -> None:
    context = edge.tls_context()
    context.set_alpn_protocols(["h2", "http/1.1"])
    with context.wrap_socket(socket.create_connection(("127.0.0.1", edge.port)), server_hostname="localhost") as connection:
        assert (connection.selected_alpn_protocol(), connection.version()) == ("h2", "TLSv1.3")


def test_internal_addresses_are_internal(edge: EdgeUnderTest, customer: httpx.Client) -> None:
    for path in ("/edge/pages/choose.html", "/edge/nginx.conf", "/edge/"):
        assert customer.get(path).status_code == 404
    assert "Active connections" in customer.get("/edge/status").text
    other_address = subprocess.run(["hostname", "-I"], check=True, capture_output=True, text=True).stdout.split()[0]
    assert httpx.get(f"https://{other_address}:{edge.port}/edge/status", verify=False).status_code == 403


def test_the_access_log_tells_who_answered_and_keeps_secrets(edge: EdgeUnderTest, customer: httpx.Client) -> None:
    headers = {"Authorization": "Bearer s3cret-token", "Cookie": f"{CLIENT}={new_client_id()}; other=s3cret-cookie"}
    request_id = customer.get("/api/orders?key=s3cret-query", headers=headers).headers["X-Request-Id"]
    await_condition(lambda: request_id in edge.logs(), "the request was not logged")
    line = next(json.loads(line) for line in edge.logs().splitlines() if request_id in line)
    assert (line["colour"], line["status"], line["path"], line["entrance"]) == ("blue", 200, "/api/orders", "public")
    assert float(line["upstream_seconds"]) >= 0
    assert 0 <= int(line["bucket"]) < 100
    assert "s3cret" not in edge.logs()


def test_who_calls_hangs_up_first(edge: EdgeUnderTest) -> None:
    edge_conf = edge.render("nginx.conf.j2")
    to_client, *to_colours = [int(seconds) for seconds in re.findall(r"^\s*keepalive_timeout (\d+)s;", edge_conf, re.M)]
    frontend = (CHECKOUT / "images" / "frontend" / "nginx.conf.template").read_text()
    at_frontend = int(re.findall(r"keepalive_timeout (\d+)s;", frontend)[0])
    assert to_client == 75
    assert to_colours == [60] * 4
    assert min(at_frontend, IDLE_SECONDS) > max(to_colours)


# --- the operators' entrance -----------------------------------------------------------------------------


def test_operators_have_to_log_in(operator: httpx.Client, colours: dict[str, ColourUnderTest]) -> None:
    wrong: list[dict[str, Any]] = [
        {},
        {"auth": httpx.BasicAuth("operator", "wrong")},
        {"headers": {"Cookie": f"{OPERATOR}=wrong"}},
        {"headers": {"Cookie": f"{OPERATOR}=; {PREVIEW}=green"}},
        {"headers": {"Authorization": f"Bearer {OPERATOR_SESSION}"}},
    ]
    for path in ("/", "/login", "/api/orders", "/preview/green", "/preview/blue", "/ready"):
        for arguments in wrong:
            answer = operator.get(path, **arguments)
            assert answer.status_code == 401, path
            assert "Set-Cookie" not in answer.headers
            operator.cookies.clear()
    assert colours["blue"].requests == colours["green"].requests == []


def test_a_login_gives_a_session_that_leaves_authorization_to_the_application(operator: httpx.Client) -> None:
    login = operator.get("/login", auth=BASIC)
    assert (login.status_code, login.headers["Location"], login.cookies[OPERATOR]) == (303, "/", OPERATOR_SESSION)
    seen = operator.get("/api/orders", headers={"Authorization": "Bearer of-a-customer"}).json()["headers"]
    assert seen["authorization"] == "Bearer of-a-customer"
    assert OPERATOR_SESSION not in json.dumps(seen)


def test_a_login_is_accepted_anywhere_and_never_passed_on(operator: httpx.Client) -> None:
    page = operator.get("/some/page", auth=BASIC)
    assert (page.status_code, page.cookies[OPERATOR]) == (200, OPERATOR_SESSION)
    assert "authorization" not in page.json()["headers"]


@pytest.mark.parametrize("entrance", ["operator", "customer"])
def test_no_colour_ever_sees_the_operators_session(request: pytest.FixtureRequest, entrance: str) -> None:
    client: httpx.Client = request.getfixturevalue(entrance)
    for cookies, expected in (
        (f"{OPERATOR}={OPERATOR_SESSION}", None),
        (f"a=1; {OPERATOR}={OPERATOR_SESSION}; b=2", "a=1; b=2"),
        (f"{OPERATOR}={OPERATOR_SESSION}; b=2", "b=2"),
    ):
        seen = client.get("/", headers={"Cookie": cookies}).json()["headers"]
        assert seen.get("cookie") == expected
        client.cookies.clear()


@pytest.mark.parametrize(("weights", "shown"), [(BLUE, "green"), (GREEN, "blue"), (EMPTY, "blue")])
def test_the_preview_shows_the_colour_without_traffic(edge: EdgeUnderTest, operator: httpx.Client, weights: Weights, shown: str) -> None:
    switch(edge, weights)
    assert operator.get("/", auth=BASIC).headers["X-Echobase-Colour"] == shown


def test_with_both_live_the_operator_chooses(edge: EdgeUnderTest, operator: httpx.Client) -> None:
    switch(edge, Weights(90, 10))
    choice = operator.get("/", auth=BASIC, headers=PAGE)
    assert (choice.status_code, "/preview/green" in choice.text) == (300, True)
    for colour in ("green", "blue"):
        chosen = operator.get(f"/preview/{colour}", auth=BASIC)
        assert (chosen.status_code, chosen.headers["Location"]) == (303, "/")
        assert operator.get("/").headers["X-Echobase-Colour"] == colour
        assert operator.get("/ready").headers["X-Echobase-Colour"] == colour


def test_customers_cannot_choose(customer: httpx.Client) -> None:
    for cookies in (f"{PREVIEW}=green", f"{PREVIEW}=green; {OPERATOR}={OPERATOR_SESSION}"):
        assert customer.get("/", headers={"Cookie": cookies}).headers["X-Echobase-Colour"] == "blue"
    assert customer.get("/preview/green").json()["service"] == "frontend"


# --- falls and rises -------------------------------------------------------------------------------------


def test_killed_workers_and_masters_come_back_with_the_same_table(edge: EdgeUnderTest, customer: httpx.Client) -> None:
    switch(edge, GREEN)
    master = edge.state()["Pid"]
    workers = [int(pid) for pid in nginx_processes(edge) if int(pid) != master]
    for worker in workers:
        os.kill(worker, signal.SIGKILL)
    await_condition(lambda: answers(customer, "green"), "no worker came back")
    assert edge.state()["Pid"] == master
    os.kill(master, signal.SIGKILL)
    await_condition(lambda: edge.state()["Pid"] not in (0, master) and answers(customer, "green"), "the edge did not come back")


def answers(client: httpx.Client, colour: str) -> bool:
    try:
        return bool(client.get("/").headers.get("X-Echobase-Colour") == colour)
    except httpx.TransportError:
        return False
