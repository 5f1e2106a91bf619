"""The real edge before the real desk: who gets in, who does not, and what is left of a login behind it."""

from __future__ import annotations

import base64
import json
import re
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager
from urllib.parse import quote, unquote_to_bytes

import httpx
import pytest

from ansible_collections.echobase.platform.plugins.module_utils.colours.preview import preview_link, preview_token
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment, environment
from ansible_collections.echobase.platform.plugins.module_utils.traffic.weights import EMPTY, Weights
from harness.colour_under_test import ColourUnderTest, running_colour
from harness.desk_under_test import (
    ACCOUNTS,
    COLLEAGUE,
    COLLEAGUES_PASSWORD,
    GUESSED,
    METRICS_PASSWORD,
    OPERATOR,
    PASSWORD,
    PREVIEW_KEY,
    DeskUnderTest,
    Visitor,
    hidden_fields,
    running_desk,
    visitor,
)
from harness.edge_fixtures import BLUE, GREEN, PAGE, switch
from harness.edge_under_test import EdgeUnderTest, edge_facts, running_edge
from harness.images_under_test import image_tag
from harness.waiting import eventually

PREFIX = "127.93"
SESSION, PREVIEW = "echobase_test_operator", "echobase_test_preview"
TOOL = "grafana"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
BASIC = httpx.BasicAuth(OPERATOR, PASSWORD)
_addresses = (f"127.1.{third}.{fourth}" for third in range(256) for fourth in range(1, 255))


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EdgeUnderTest]:
    facts = edge_facts(tmp_path_factory.mktemp("desk"), "desk", 26443, PREFIX)
    with running_edge(facts, image_tag("nginx")) as edge:
        yield edge


@pytest.fixture(scope="module")
def colours(edge: EdgeUnderTest) -> Iterator[dict[str, ColourUnderTest]]:
    with running_colour(edge.facts, "blue") as blue, running_colour(edge.facts, "green") as green:
        yield {"blue": blue, "green": green}


@pytest.fixture(scope="module")
def desk(edge: EdgeUnderTest) -> Iterator[DeskUnderTest]:
    with running_desk(edge.facts) as desk:
        yield desk


@pytest.fixture(autouse=True)
def blue_is_live(edge: EdgeUnderTest, desk: DeskUnderTest, colours: dict[str, ColourUnderTest]) -> None:
    switch(edge, BLUE)
    for colour in colours.values():
        colour.forget()


@pytest.fixture
def env(edge: EdgeUnderTest) -> Environment:
    return environment("test", str(edge.home.parent), PREFIX)


def new_visitor(edge: EdgeUnderTest, port: int = 0) -> AbstractContextManager[Visitor]:
    return visitor(edge, next(_addresses), port)


@pytest.fixture
def stranger(edge: EdgeUnderTest) -> Iterator[Visitor]:
    with new_visitor(edge) as stranger:
        yield stranger


@pytest.fixture
def operator(edge: EdgeUnderTest) -> Iterator[Visitor]:
    """Logged in, at the operators' entrance."""
    with new_visitor(edge) as operator:
        assert operator.log_in().status_code == 303
        yield operator


@pytest.fixture
def customer(edge: EdgeUnderTest) -> Iterator[Visitor]:
    with new_visitor(edge, edge.port) as customer:
        yield customer


@pytest.fixture
def tools_on_public(edge: EdgeUnderTest) -> Iterator[None]:
    with edge.reconfigured(edge_operators_on_public=True):
        yield


@pytest.fixture(scope="module")
def tool(edge: EdgeUnderTest) -> Iterator[ColourUnderTest]:
    """Any server will do that tells what reached it."""
    place = edge.facts["tools"][TOOL]
    tool = ColourUnderTest(TOOL, {"frontend": place["address"]}, edge.home / "tls" / TOOL, port=place["port"])
    tool.start()
    yield tool
    tool.stop()


def colour_shown(client: httpx.Client, token: str) -> str:
    """Empty if the token opens nothing."""
    answer = client.get("/", headers={"Cookie": f"{PREVIEW}={token}"})
    assert answer.status_code in (200, 401)
    return str(answer.headers.get("X-Echobase-Colour", ""))


# --- without a login -------------------------------------------------------------------------------------


def test_without_a_login_there_is_nothing_to_see(stranger: Visitor, colours: dict[str, ColourUnderTest]) -> None:
    for path in (
        "/",
        "/api/orders",
        "/preview/green",
        "/preview/idle",
        "/ready",
        "/assets/app.js",
        "/edge/metrics",
        "/grafana/",
        "/loki/x",
    ):
        for headers in (
            {},
            {"Cookie": f"{SESSION}=wrong; {PREVIEW}=green"},
            {"Cookie": f"{SESSION}="},
            {"Authorization": "Bearer of-a-customer"},
            {"X-Operator": OPERATOR, "X-Preview-Colour": "green", "X-WEBAUTH-USER": OPERATOR, "X-Forwarded-User": OPERATOR},
        ):
            answer = stranger.client.get(path, headers=headers)
            assert (answer.status_code, answer.headers["Content-Type"]) == (401, "application/problem+json"), path
            assert "Set-Cookie" not in answer.headers
    assert colours["blue"].requests == colours["green"].requests == []


def test_people_are_led_to_the_login_and_back(stranger: Visitor) -> None:
    answer = stranger.client.get("/orders?page=2&sort=a%20b", headers=PAGE)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login?next=/orders%3Fpage%3D2%26sort%3Da%2520b")
    assert stranger.client.get(answer.headers["Location"]).status_code == 200
    back = stranger.log_in(path=answer.headers["Location"])
    assert (back.status_code, back.headers["Location"]) == (303, "/orders?page=2&sort=a%20b")
    assert stranger.client.get(back.headers["Location"]).json()["path"] == "/orders?page=2&sort=a%20b"
    # Whoever is logged in already is not asked again.
    assert stranger.client.get(answer.headers["Location"]).headers["Location"] == "/orders?page=2&sort=a%20b"


def test_what_was_not_a_page_is_not_returned_to(stranger: Visitor) -> None:
    answer = stranger.client.post("/api/orders", content="x", headers=PAGE)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login?next=/")


def test_a_page_that_asks_in_the_background_gets_no_window_of_the_browser(stranger: Visitor) -> None:
    assert stranger.client.get("/").headers["WWW-Authenticate"].startswith("Basic ")
    asked = stranger.client.get("/", headers=PAGE | {"Sec-Fetch-Mode": "cors"})
    assert (asked.status_code, asked.headers["WWW-Authenticate"].split()[0]) == (401, "Session")


def test_the_desks_own_questions_are_for_the_edge_alone(stranger: Visitor, customer: Visitor) -> None:
    for client in (stranger.client, customer.client):
        for path in ("/edge/desk/session", "/edge/desk/metrics", "/edge/desk/preview", "/edge/desk/refusal"):
            assert client.get(path).status_code == 404
    for path in ("/check/session", "/check/preview", "/metrics", "/preview/open"):
        assert customer.client.get(path).json()["colour"] == "blue"


# --- a login and its session -----------------------------------------------------------------------------


def test_a_login_gives_a_cookie_for_this_host_alone_that_no_script_reads(stranger: Visitor) -> None:
    answer = stranger.log_in()
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login")
    given = next(cookie for cookie in answer.headers.get_list("Set-Cookie") if cookie.startswith(f"{SESSION}="))
    assert re.fullmatch(rf"{SESSION}=[A-Za-z0-9_-]{{43}}; HttpOnly; Max-Age=43200; Path=/; SameSite=lax; Secure", given)
    home = stranger.client.get("/login")
    assert "You are logged in as <strong>operator</strong>" in home.text
    assert f"https://localhost:{stranger.client.base_url.port}/preview/green" in home.text


def test_the_form_is_framed_by_nobody_and_loads_nothing(stranger: Visitor) -> None:
    form = stranger.client.get("/login")
    policy = form.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert policy.endswith("'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
    assert (form.headers["Cache-Control"], form.headers["X-Content-Type-Options"]) == ("no-store", "nosniff")
    assert not re.search(r"(src|href)=|style=|onload|<script", form.text)
    (given,) = form.headers.get_list("Set-Cookie")
    assert given.endswith("; HttpOnly; Path=/login; SameSite=strict; Secure")
    assert "Content-Encoding" not in form.headers


OPERATORS_ADDRESSES = ("/login", "/logout", "/grafana", *(f"/{tool}/" for tool in ("console", "grafana", "prometheus", "logs")))


def test_the_public_entrance_knows_nothing_of_operators(
    operator: Visitor, customer: Visitor, colours: dict[str, ColourUnderTest], tool: ColourUnderTest, desk: DeskUnderTest
) -> None:
    """Neither a stranger nor somebody with a session or a password finds anything there that is not the application's own."""
    tool.forget()
    session = {"Cookie": f"{SESSION}={operator.client.cookies[SESSION]}"}
    asked = 0
    for headers in ({}, session, {"Authorization": BASIC._auth_header}):
        for path in OPERATORS_ADDRESSES:
            for method in ("GET", "POST"):
                answer = customer.client.request(method, path, headers=headers)
                assert (answer.status_code, answer.headers["X-Echobase-Colour"]) == (200, "blue"), path
                asked += 1
        answer = customer.client.get("/edge/metrics", headers=headers)
        assert (answer.status_code, answer.headers["X-Echobase-Error"]) == (404, "not-found")
    assert len(colours["blue"].requests) == asked
    assert tool.requests == []
    # No password is tried there, so none can be guessed.
    guess = httpx.BasicAuth(OPERATOR, "guess")
    assert [customer.client.get("/edge/metrics", auth=guess).status_code for _ in range(7)] == [404] * 7


@pytest.mark.usefixtures("tools_on_public")
def test_a_session_is_good_at_both_entrances_where_both_are_wanted(operator: Visitor, edge: EdgeUnderTest) -> None:
    with httpx.Client(base_url=f"https://localhost:{edge.port}", verify=edge.tls_context(), cookies=operator.client.cookies) as client:
        assert client.get("/edge/metrics").status_code == 200
        assert "You are logged in" in client.get("/login").text
        # There it opens the tools, and changes nothing about the shop.
        assert client.get("/").json()["colour"] == "blue"


def test_the_applications_own_authorization_passes(operator: Visitor) -> None:
    seen = operator.client.get("/api/orders", headers={"Authorization": "Bearer of-a-customer"}).json()["headers"]
    assert seen["authorization"] == "Bearer of-a-customer"


@pytest.mark.parametrize("status", [401, 403, 500, 503])
def test_what_the_application_refuses_is_its_own_affair(operator: Visitor, colours: dict[str, ColourUnderTest], status: int) -> None:
    colours["green"].statuses["/api/orders"] = status
    answer = operator.client.get("/api/orders", headers=PAGE)
    assert (answer.status_code, answer.json()["colour"]) == (status, "green")


def test_no_colour_sees_what_opens_the_entrance(operator: Visitor, customer: Visitor, env: Environment) -> None:
    session, token = operator.client.cookies[SESSION], preview_token(env, "green", PREVIEW_KEY)
    for client in (operator.client, customer.client):
        for cookies, expected in (
            (f"a=1; {SESSION}={session}; {PREVIEW}={token}; b=2", "a=1; b=2"),
            (f"{PREVIEW}={token}; {SESSION}={session}", None),
        ):
            seen = client.get("/", headers={"Cookie": cookies}).json()["headers"]
            assert seen.get("cookie") == expected
            assert session not in json.dumps(seen)
            assert token not in json.dumps(seen)


def test_a_login_begins_a_new_session_and_ends_the_one_before(operator: Visitor, stranger: Visitor) -> None:
    before = operator.client.cookies[SESSION]
    form = operator.form("/login")
    operator.client.cookies.delete(SESSION)
    form = operator.form("/login")
    operator.client.cookies.set(SESSION, before, domain="localhost.local")
    answer = operator.client.post("/login", data=form | {"name": OPERATOR, "password": PASSWORD})
    assert answer.status_code == 303
    after = next(cookie for cookie in answer.headers.get_list("Set-Cookie") if cookie.startswith(f"{SESSION}=")).split(";")[0]
    assert before not in after
    assert stranger.client.get("/", headers={"Cookie": f"{SESSION}={before}"}).status_code == 401
    assert stranger.client.get("/", headers={"Cookie": after}).status_code == 200


def test_a_session_that_somebody_else_chose_is_not_taken_up(stranger: Visitor) -> None:
    stranger.client.cookies.set(SESSION, "A" * 43, domain="localhost.local")
    assert stranger.log_in().status_code == 303
    assert stranger.client.get("/", headers={"Cookie": f"{SESSION}={'A' * 43}"}).status_code == 401


def test_logging_out_ends_the_session_itself(operator: Visitor, stranger: Visitor) -> None:
    cookie = {"Cookie": f"{SESSION}={operator.client.cookies[SESSION]}"}
    assert stranger.client.get("/", headers=cookie).status_code == 200
    answer = operator.log_out()
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login")
    assert SESSION not in operator.client.cookies
    assert stranger.client.get("/", headers=cookie).status_code == 401


@pytest.mark.parametrize("column", ["begun", "used"])
def test_an_expired_session_opens_nothing(desk: DeskUnderTest, operator: Visitor, column: str) -> None:
    assert operator.client.get("/").status_code == 200
    with sqlite3.connect(desk.home / "desk" / "sessions.sqlite") as store:
        store.execute(f"UPDATE sessions SET {column} = {column} - ?", (12 * 3600 if column == "begun" else 3600,))
    assert operator.client.get("/").status_code == 401
    assert "Log in" in operator.client.get("/login").text


def test_a_session_survives_a_desk_that_was_killed(desk: DeskUnderTest, operator: Visitor) -> None:
    desk.kill()
    desk.start()
    assert operator.client.get("/").status_code == 200


@pytest.mark.parametrize("accounts", [{OPERATOR: "a new one"}, {COLLEAGUE: COLLEAGUES_PASSWORD}])
def test_a_session_ends_with_its_password_or_account(desk: DeskUnderTest, operator: Visitor, accounts: dict[str, str]) -> None:
    before = (desk.secrets / "operators.htpasswd").read_text()
    desk.write_accounts(accounts)
    try:
        assert operator.client.get("/").status_code == 401
        # Whoever undoes the change brings nobody's session back.
        (desk.secrets / "operators.htpasswd").write_text(before)
        assert operator.client.get("/").status_code == 401
    finally:
        desk.write_accounts(ACCOUNTS)


def test_the_log_tells_who_and_from_where_and_nothing_secret(desk: DeskUnderTest, edge: EdgeUnderTest) -> None:
    address = next(_addresses)
    with visitor(edge, address) as somebody:
        assert somebody.log_in(name="my-s3cret-typed-here", password="x").status_code == 401
        assert somebody.log_in(password="wr0ng-s3cret").status_code == 401
        assert somebody.log_in(name=COLLEAGUE, password=COLLEAGUES_PASSWORD).status_code == 303
        session = somebody.client.cookies[SESSION]
        somebody.log_out()
    lines = [line.partition("operators_desk: ")[2] for line in desk.log.splitlines() if line.endswith(address) or f" {address} " in line]
    assert lines == [
        f"login as an unknown name from {address} failed",
        f"login as {OPERATOR} from {address} failed",
        f"{COLLEAGUE} logged in from {address}",
        f"{COLLEAGUE} logged out from {address}",
    ]
    for secret in ("s3cret", PASSWORD, COLLEAGUES_PASSWORD, session):
        assert secret not in desk.log
        assert secret not in edge.logs()


# --- guessing --------------------------------------------------------------------------------------------


def test_who_guesses_waits_longer_and_longer_and_nobody_else_does(stranger: Visitor, edge: EdgeUnderTest) -> None:
    assert [stranger.log_in(name=GUESSED[0], password=f"guess {number}").status_code for number in range(5)] == [401] * 5
    refused = stranger.log_in(name=GUESSED[0], password="guess 5")
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["Retry-After"]) <= 2
    assert f"Please try again in {refused.headers['Retry-After']} seconds" in refused.text
    # Nor with the right password, or it would pay to go on.
    assert stranger.log_in(name=GUESSED[0]).status_code == 429
    assert stranger.client.get("/", auth=BASIC).status_code == 429
    for forged in ({"X-Real-IP": "192.0.2.7"}, {"X-Forwarded-For": "192.0.2.7"}, {"Forwarded": "for=192.0.2.7"}):
        assert stranger.log_in(name=GUESSED[0], **forged).status_code == 429
    with new_visitor(edge) as other:
        assert other.log_in(name=COLLEAGUE, password=COLLEAGUES_PASSWORD).status_code == 303
    with new_visitor(edge) as other:
        assert other.log_in(name=GUESSED[0]).status_code == 303


def test_many_addresses_guess_no_faster_at_one_account(edge: EdgeUnderTest) -> None:
    with new_visitor(edge) as owner:
        assert owner.log_in(name=COLLEAGUE, password=COLLEAGUES_PASSWORD).status_code == 303
        for _ in range(10):
            with new_visitor(edge) as guesser:
                assert guesser.log_in(name=COLLEAGUE, password="guess").status_code == 401
        with new_visitor(edge) as guesser:
            refused = guesser.log_in(name=COLLEAGUE, password="guess")
            assert refused.status_code == 429
            # Another account is nobody's hostage, and neither is the owner where the owner was before.
            assert guesser.log_in().status_code == 303
        assert owner.log_out().status_code == 303
        assert owner.log_in(name=COLLEAGUE, password=COLLEAGUES_PASSWORD).status_code == 303


def test_names_that_do_not_exist_are_answered_and_counted_alike(edge: EdgeUnderTest) -> None:
    def told(name: str) -> tuple[list[int], str]:
        with new_visitor(edge) as guesser:
            answers = [guesser.log_in(name=name, password="guess") for _ in range(7)]
            page = re.sub(r'name="token" value="[^"]*"', "", answers[0].text).replace(name, "NAME")
            return [answer.status_code for answer in answers], page

    assert told(GUESSED[1]) == told("nobody")


def test_a_program_that_guesses_is_told_to_wait(stranger: Visitor) -> None:
    wrong = httpx.BasicAuth(GUESSED[2], "wrong")
    assert [stranger.client.get("/", auth=wrong).status_code for _ in range(5)] == [401] * 5
    refused = stranger.client.get("/edge/metrics", auth=wrong)
    assert (refused.status_code, refused.headers["Content-Type"]) == (429, "application/problem+json")
    assert int(refused.headers["Retry-After"]) >= 1


def test_a_flood_of_logins_is_stopped_by_the_edge(stranger: Visitor, desk: DeskUnderTest) -> None:
    answers = [stranger.client.post("/login", data={"name": "x"}) for _ in range(40)]
    stopped = [answer for answer in answers if answer.headers.get("X-Echobase-Error") == "too-many-requests"]
    assert stopped
    assert {answer.status_code for answer in stopped} == {429}


def test_a_login_as_large_as_no_form_is_refused(stranger: Visitor) -> None:
    assert stranger.client.post("/login", content=b"x" * 9_000).status_code == 413
    refused = stranger.client.post("/login", content=b"x" * 20_000)
    assert (refused.status_code, refused.headers["X-Echobase-Error"]) == (413, "too-large")


# --- forged forms and links ------------------------------------------------------------------------------


def test_a_login_that_no_form_of_ours_sent_is_refused(stranger: Visitor, edge: EdgeUnderTest) -> None:
    """Whoever could log somebody in as himself would see what that person does then."""
    right = {"name": OPERATOR, "password": PASSWORD}
    with new_visitor(edge) as other:
        of_another_browser = other.form()
    forged = [
        (right, {}),
        (right | of_another_browser, {}),
        (right | stranger.form() | {"token": "1.x"}, {}),
        (right | stranger.form(), {"Origin": "https://evil.example"}),
        (right | stranger.form(), {"Origin": "null"}),
        (right | stranger.form(), {"Origin": f"https://localhost:{edge.port}"}),
        (right | stranger.form(), {"Sec-Fetch-Site": "cross-site"}),
        (right | stranger.form(), {"Sec-Fetch-Site": "same-site"}),
        (right | stranger.form(), {"Origin": "https://evil.example", "X-Forwarded-Host": "evil.example"}),
    ]
    for data, headers in forged:
        answer = stranger.client.post("/login", data=data, headers=headers)
        assert answer.status_code == 403, (data, headers)
        assert SESSION not in stranger.client.cookies
    without_cookies = httpx.post(f"{stranger.client.base_url}/login", data=right | stranger.form(), verify=edge.tls_context())
    assert without_cookies.status_code == 403
    # What a browser says about a form of ours.
    origin = f"https://localhost:{edge.operators_port}"
    assert stranger.log_in(**{"Origin": origin, "Sec-Fetch-Site": "same-origin"}).status_code == 303


def test_nobody_is_logged_out_by_somebody_elses_page(operator: Visitor, edge: EdgeUnderTest) -> None:
    with new_visitor(edge) as other:
        other.log_in()
        of_another_session = other.form()
    forged = [
        ({}, {}),
        (of_another_session, {}),
        (operator.form(), {"Origin": "https://evil.example"}),
        (operator.form(), {"Sec-Fetch-Site": "cross-site"}),
    ]
    for data, headers in forged:
        assert operator.client.post("/logout", data=data, headers=headers).status_code == 403
    assert operator.client.get("/logout").headers["Location"] == "/login"
    assert operator.client.get("/").status_code == 200


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "/%09/evil.example".replace("%09", "\t"),
        "javascript:alert(1)",
        "evil.example",
        "",
    ],
)
def test_a_login_leads_nowhere_but_back(stranger: Visitor, elsewhere: str) -> None:
    form = hidden_fields(stranger.client.get("/login", params={"next": elsewhere}).text)
    assert form["next"] == "/login"
    answer = stranger.client.post("/login", data=form | {"next": elsewhere, "name": OPERATOR, "password": PASSWORD})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login")
    assert stranger.client.get("/login", params={"next": elsewhere}).status_code == 200


def test_what_people_type_is_shown_as_text(stranger: Visitor) -> None:
    page = stranger.log_in(name='"><script>alert(1)</script>', path='/login?next=/"><script>')
    assert page.status_code == 401
    assert "<script" not in page.text
    assert "&lt;script&gt;alert(1)" in page.text


# --- previews --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("weights", "shown"), [(BLUE, "green"), (GREEN, "blue"), (EMPTY, "blue")])
def test_an_operator_sees_the_colour_without_traffic(edge: EdgeUnderTest, operator: Visitor, weights: Weights, shown: str) -> None:
    switch(edge, weights)
    for path in ("/", "/api/orders", "/ready", "/docs"):
        answer = operator.client.get(path, headers={"X-Echobase-Entrance": "public"})
        assert answer.headers["X-Echobase-Colour"] == shown
        # Customers are told less.
        assert answer.json()["headers"]["x-echobase-entrance"] == "operators"


def test_a_candidate_is_shown_no_larger_bodies_than_customers_may_send(operator: Visitor, colours: dict[str, ColourUnderTest]) -> None:
    for path, most in (("/api/orders", 65_536), ("/upload", 1 << 20)):
        for size, status in ((most, 200), (most + 1, 413)):
            for body in (b"x" * size, iter([b"x" * size])):
                assert operator.client.post(path, content=body).status_code == status, (path, size)
    assert len(colours["green"].requests) == 4


@pytest.mark.parametrize("maintenance", [False, True])
def test_where_no_colour_is_idle_the_operator_chooses(edge: EdgeUnderTest, operator: Visitor, maintenance: bool) -> None:
    switch(edge, BLUE if maintenance else Weights(90, 10), maintenance)
    choice = operator.client.get("/", headers=PAGE)
    assert (choice.status_code, "/preview/green" in choice.text) == (300, True)
    for colour in ("green", "blue"):
        chosen = operator.client.get(f"/preview/{colour}")
        assert (chosen.status_code, chosen.headers["Location"]) == (303, "/")
        assert operator.client.get("/").headers["X-Echobase-Colour"] == colour
    operator.client.get("/preview/idle")
    assert operator.client.get("/").status_code == 300


def test_a_token_opens_its_colour_without_a_login_and_nothing_else(
    stranger: Visitor, env: Environment, colours: dict[str, ColourUnderTest]
) -> None:
    for colour in ("blue", "green"):
        token = preview_token(env, colour, PREVIEW_KEY)
        assert colour_shown(stranger.client, token) == colour
        for path in ("/edge/metrics", "/grafana/", "/preview/blue"):
            assert stranger.client.get(path, headers={"Cookie": f"{PREVIEW}={token}"}).status_code == 401
    asked = stranger.client.post("/api/orders", json={}, headers={"Cookie": f"{PREVIEW}={token}", "Authorization": "Bearer of-a-customer"})
    assert (asked.json()["colour"], asked.json()["headers"]["authorization"]) == ("green", "Bearer of-a-customer")


def test_a_token_that_is_not_ours_or_not_whole_opens_nothing(
    stranger: Visitor, env: Environment, colours: dict[str, ColourUnderTest]
) -> None:
    colour, expiry, signature = preview_token(env, "blue", PREVIEW_KEY).split(".")
    bad = [
        preview_token(env, "blue", PREVIEW_KEY, seconds=-1),
        preview_token(environment("ci"), "blue", PREVIEW_KEY),
        preview_token(env, "blue", "another key"),
        f"green.{expiry}.{signature}",
        f"{colour}.{int(expiry) + 1}.{signature}",
        f"{colour}.{expiry}.{signature[:-1]}",
        "blue",
    ]
    assert [token for token in bad if colour_shown(stranger.client, token)] == []
    assert colours["blue"].requests == colours["green"].requests == []


def test_a_link_shows_a_colleague_one_colour(stranger: Visitor, env: Environment, edge: EdgeUnderTest) -> None:
    link = preview_link(env, "green", PREVIEW_KEY, 30, "localhost").partition("1643")[2]
    opened = stranger.client.get(link)
    assert (opened.status_code, opened.headers["Location"], opened.headers["Referrer-Policy"]) == (303, "/", "no-referrer")
    (given,) = opened.headers.get_list("Set-Cookie")
    assert re.fullmatch(rf"{PREVIEW}=green\.\d+\.[A-Za-z0-9_-]{{43}}; HttpOnly; Max-Age=(1800|1799); Path=/; SameSite=lax; Secure", given)
    assert stranger.client.get("/").headers["X-Echobase-Colour"] == "green"
    broken = stranger.client.get(link[:-1])
    assert (broken.status_code, "Set-Cookie" in broken.headers) == (403, False)
    # What opens something is never written down.
    trace_id = stranger.client.get(link).headers["Trace-Id"]
    assert edge.logged(trace_id)["path"] == "/preview/open"
    assert link.partition("=")[2] not in (edge.home / "edge-log" / "access.log").read_text()


def test_customers_entrance_honours_no_token(customer: Visitor, env: Environment, edge: EdgeUnderTest) -> None:
    token = preview_token(env, "green", PREVIEW_KEY)
    for headers in ({"Cookie": f"{PREVIEW}={token}"}, {"Cookie": f"{PREVIEW}=green"}, {"X-Preview-Colour": "green"}):
        assert customer.client.get("/", headers=headers).headers["X-Echobase-Colour"] == "blue"
    for path in ("/preview/green", f"/preview/open?token={token}"):
        answer = customer.client.get(path)
        assert (answer.json()["service"], PREVIEW in answer.headers.get("Set-Cookie", "")) == ("frontend", False)


def test_a_nginx_that_leaves_tells_operators_too(edge: EdgeUnderTest, operator: Visitor) -> None:
    assert "close" not in operator.client.get("/").headers.get("Connection", "")
    subprocess.run(["docker", "exec", edge.container, "touch", "/tmp/leaving"], check=True)
    try:
        last = operator.client.get("/")
        assert (last.status_code, last.headers["Connection"]) == (200, "close")
    finally:
        subprocess.run(["docker", "exec", edge.container, "rm", "/tmp/leaving"], check=True)


# --- programs and tools ----------------------------------------------------------------------------------


def test_a_program_logs_in_with_each_request_and_leaves_nothing_behind(stranger: Visitor) -> None:
    page = stranger.client.get("/some/page", auth=BASIC)
    assert (page.status_code, page.headers["X-Echobase-Colour"]) == (200, "green")
    assert "authorization" not in page.json()["headers"]
    assert "Set-Cookie" not in page.headers
    assert stranger.client.get("/edge/metrics", auth=BASIC).status_code == 200


def test_the_scrapers_password_opens_the_metrics_and_nothing_else(stranger: Visitor) -> None:
    scraper = httpx.BasicAuth("metrics", METRICS_PASSWORD)
    answer = stranger.client.get("/edge/metrics", auth=scraper)
    assert (answer.status_code, "echobase_edge_log_readable 1" in answer.text) == (200, True)
    for path in ("/", "/grafana/", "/preview/green", "/api/orders"):
        assert stranger.client.get(path, auth=scraper).status_code == 401, path
    assert stranger.client.get("/edge/metrics", auth=httpx.BasicAuth("metrics", "guess")).status_code == 401


def test_nobody_who_fails_keeps_the_scraper_out(stranger: Visitor, edge: EdgeUnderTest) -> None:
    """Neither at its own address nor anywhere else, under its name or an operator's; nor does its coming let anybody guess on."""
    scraper = httpx.BasicAuth("metrics", METRICS_PASSWORD)
    for name in ("metrics", GUESSED[3]):
        told = []
        for number in range(24):
            with new_visitor(edge) as other:
                guesser = stranger if number % 2 else other
                told.append(guesser.client.get("/edge/metrics", auth=httpx.BasicAuth(name, "guess")).status_code)
            assert stranger.client.get("/edge/metrics", auth=scraper).status_code == 200
        assert set(told) == {401, 429}
        # Those who came from everywhere, each for the first time: the account slowed them down.
        assert 429 in told[::2]


NO_TEXT = {
    "half a surrogate": "%ED%A0%80",
    "bytes that are no UTF-8": "%FF%FE",
    "a zero byte": "%00",
    "an escape of JSON": "\\ud800",
}


@pytest.mark.parametrize("text", NO_TEXT.values(), ids=NO_TEXT)
def test_a_login_that_is_no_text_is_wrong_and_breaks_nothing(stranger: Visitor, desk: DeskUnderTest, text: str) -> None:
    before = len(desk.log)
    form = "&".join(f"{name}={quote(value, safe='')}" for name, value in stranger.form().items())
    answers = [
        stranger.client.post("/login", content=f"{form}&name={name}&password={password}", headers=FORM)
        for name, password in ((text, "x"), (GUESSED[4], text))
    ]
    credentials = base64.b64encode(unquote_to_bytes(f"{GUESSED[4]}:{text}")).decode()
    answers += [
        stranger.client.get("/edge/metrics", headers={"Authorization": f"Basic {credentials}"}),
        stranger.client.get("/edge/metrics", headers={"Cookie": f"{SESSION}={text}; {PREVIEW}={text}"}),
        stranger.client.get("/", headers={b"Cookie": unquote_to_bytes(f"{SESSION}=x{text[:6]}; {PREVIEW}=x{text[:6]}".replace("%00", ""))}),
    ]
    assert [answer.status_code for answer in answers] == [401] * 5
    for answer in answers:
        assert not re.search(r"codec|surrogate|UnicodeE|Traceback|NUL", answer.text)
    assert not re.search(r"codec|Traceback", desk.log[before:])
    assert stranger.client.get("/login", params={"next": f"/{text}"}).status_code == 200


@pytest.mark.usefixtures("tools_on_public")
@pytest.mark.parametrize("entrance", ["operator", "customer"])
def test_a_tool_is_told_who_asks_by_the_desk_alone(
    request: pytest.FixtureRequest, operator: Visitor, tool: ColourUnderTest, entrance: str
) -> None:
    client: httpx.Client = request.getfixturevalue(entrance).client
    tool.forget()
    session = operator.client.cookies[SESSION]
    forged = {"X-WEBAUTH-USER": "admin", "X-Forwarded-User": "admin", "X-Forwarded-For": "6.6.6.6", "Authorization": BASIC._auth_header}
    cookies = {"Cookie": f"grafana_session=g; {SESSION}={session}"}
    seen = client.get("/grafana/d/x?orgId=1", headers=forged | cookies).json()
    assert seen["path"] == "/grafana/d/x?orgId=1"
    headers = seen["headers"]
    assert (headers["x-webauth-user"], headers["x-forwarded-user"], headers["cookie"].rstrip(";")) == (
        OPERATOR,
        OPERATOR,
        "grafana_session=g",
    )
    assert headers["x-forwarded-for"] != "6.6.6.6"
    assert "authorization" not in headers
    assert client.get("/grafana").headers["Location"] == "/grafana/"


def test_websockets_reach_a_tool(operator: Visitor, tool: ColourUnderTest) -> None:
    upgrade = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version": "13",
    }
    with operator.client.stream("GET", "/grafana/api/live/ws", headers=upgrade) as answer:
        assert (answer.status_code, answer.headers["Upgrade"]) == (101, "websocket")


@pytest.mark.parametrize(
    ("name", "words", "instead"),
    [
        ("console", "not observed", None),
        ("prometheus", "/prometheus/classic/graph", "/console/"),
        ("alertmanager", "/prometheus/classic/alerts", "/console/"),
        ("jaeger", "the console shows every trace", "/console/"),
        ("loki", "VictoriaLogs keeps the logs", "/logs/"),
        ("logs", "Loki keeps", "/loki/"),
    ],
)
def test_a_tool_that_is_away_says_so_to_those_who_may_know(
    operator: Visitor, stranger: Visitor, name: str, words: str, instead: str | None
) -> None:
    assert stranger.client.get(f"/{name}/").status_code == 401
    page = operator.client.get(f"/{name}/", headers=PAGE)
    assert (page.status_code, page.headers["X-Echobase-Error"]) == (503, "tool-away")
    assert words in page.text
    assert instead is None or f'<a href="{instead}">' in page.text
    problem = operator.client.get(f"/{name}/api/v1/query")
    assert (problem.status_code, problem.headers["Content-Type"]) == (503, "application/problem+json")
    assert words in problem.json()["detail"]


def test_the_consoles_own_questions_reach_a_tool_and_its_answers_come_back_whole(operator: Visitor, tool: ColourUnderTest) -> None:
    """What a script of the console asks: it names no form of ours, and the tool says itself what its page may load."""
    tool.forget()
    tool.headers["Content-Security-Policy"] = "default-src 'self'"
    fetch = {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Dest": "empty", "Accept": "application/json"}
    for method, body in (("GET", None), ("POST", b"query=up")):
        answer = operator.client.request(method, f"/{TOOL}/api/v1/query?x=1", content=body, headers=fetch | FORM)
        assert (answer.status_code, answer.headers.get_list("Content-Security-Policy")) == (200, ["default-src 'self'"])
        seen = answer.json()
        assert (seen["method"], seen["path"], seen["body"]) == (method, f"/{TOOL}/api/v1/query?x=1", (body or b"").decode())
        assert seen["headers"]["traceparent"] == f"00-{answer.headers['Trace-Id']}-00000000000000e1-01"


# --- when the desk is away -------------------------------------------------------------------------------


def test_without_the_desk_operators_are_told_and_customers_notice_nothing(
    desk: DeskUnderTest, edge: EdgeUnderTest, operator: Visitor, customer: Visitor, env: Environment
) -> None:
    desk.stop()
    try:
        token = {"Cookie": f"{PREVIEW}={preview_token(env, 'green', PREVIEW_KEY)}"}
        for path in ("/login", "/logout", "/grafana/", "/edge/metrics"):
            answer = operator.client.get(path, headers=token)
            assert (answer.status_code, answer.headers["X-Echobase-Error"]) == (503, "desk-away"), path
        for path in ("/", "/api/orders", "/preview/blue"):
            assert operator.client.get(path, headers=token).headers["X-Echobase-Error"] == "desk-away"
        page = operator.client.get("/", headers=PAGE)
        assert (page.headers["Content-Type"], "Customers are served as usual" in page.text) == ("text/html; charset=utf-8", True)
        problem = operator.client.get("/api/orders", headers=PAGE)
        assert problem.headers["Content-Type"] == "application/problem+json"
        assert edge.logged(problem.headers["Trace-Id"])["error"] == "desk-away"
        for _ in range(20):
            assert customer.client.post("/api/orders", json={}).status_code == 200
        assert customer.client.get("/edge/ready").status_code == operator.client.get("/edge/ready").status_code == 200
    finally:
        desk.start()
    eventually(lambda: operator.client.get("/").status_code == 200, "the desk comes back")


def test_a_renewed_certificate_is_taken_up_without_a_restart(desk: DeskUnderTest, operator: Visitor) -> None:
    folder = desk.home / "tls" / "desk"
    before = desk.log.count("the renewed certificate is in use")
    for name in ("tls.key", "tls.crt"):
        content = (folder / name).read_bytes()
        (folder / name).unlink()
        (folder / name).write_bytes(content)
    eventually(lambda: desk.log.count("the renewed certificate is in use") > before, lambda: desk.log)
    assert operator.client.get("/").status_code == 200
