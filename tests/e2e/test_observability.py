"""What a release and its customers do is seen: an order placed in a browser is found in traces, metrics and logs, and in every view of the
console, with a picture of each."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from conftest import DeployedEnvironment
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from ansible_collections.echobase.platform.plugins.module_utils.traffic.nginx_routes import NginxRoutes
from counting_client import Committed, OrdersClient, OrdersConfig, Target, every, verify_orders
from dashboards.source import EXAMPLES, Dashboard, dashboards
from harness.chromium import chromium
from harness.environment_under_test import CHECKOUT, TEST, run_playbook
from harness.observability_under_test import docker
from harness.waiting import eventually

SCREENSHOTS = CHECKOUT / "tests" / "output" / "screenshots"
# From a request to a drawn point: exported, collected and read by the page each take up to 15 seconds.
PATIENCE = 90.0
ORDERS = 5
# The promise to an operator: so long after an order he finds it.
SEEN_WITHIN_SECONDS = 15.0
ON = ("-e", "echobase_observability=true")


@pytest.fixture(scope="module")
def observed(deployed_environment: object) -> Iterator[None]:
    """Green, which was deployed with telemetry, serves."""
    run_playbook("setup", *ON)
    run_playbook("deploy_green", *ON)
    run_playbook("promote", *ON)
    yield
    run_playbook("rollback", *ON)
    # The other tests have no use for it, and what watches costs memory.
    run_playbook("setup")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def trace_id(observed: None, browser: Browser) -> str:
    """Of an order that a customer placed in her browser; some more make lines of points."""
    context = browser.new_context(base_url=f"https://localhost:{TEST.edge_port}", ignore_https_errors=True)
    page = context.new_page()
    page.goto("/")
    page.get_by_test_id("email").fill(f"console-{id(page)}@shop.example.com")
    page.get_by_test_id("password").fill("correct horse battery staple")
    page.get_by_test_id("register").click()
    found = ""
    for number in range(ORDERS):
        page.get_by_test_id("item").fill(f"lamp {number}")
        page.get_by_test_id("quantity").fill("1")
        with page.expect_response(lambda answer: answer.request.method == "POST" and answer.url.endswith("/api/orders")) as placed:
            page.get_by_test_id("place-order").click()
        found = placed.value.headers["trace-id"]
        row = page.get_by_test_id("order-row").filter(has_text=f"lamp {number}")
        expect(row.get_by_test_id("order-status")).to_have_text("processed", ignore_case=True, timeout=30_000)
    context.close()
    return found


class Complaints(list[str]):
    """What the browser complains of: a policy that is broken, a script that fails. That something is not answered, the page says itself."""

    def note(self, message: ConsoleMessage) -> None:
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.append(message.text)


@pytest.fixture(scope="module")
def operator(browser: Browser, trace_id: str) -> Iterator[Page]:
    """Logged in at the operators' entrance."""
    context = browser.new_context(
        base_url=f"https://localhost:{TEST.operators_port}",
        ignore_https_errors=True,
        color_scheme="dark",
        viewport={"width": 1600, "height": 900},
    )
    page = context.new_page()
    complaints = Complaints()
    page.on("console", complaints.note)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto("/console/")
    page.get_by_label("Name").fill("operator")
    page.get_by_label("Password").fill((Path(TEST.home) / "secrets" / "operator_password").read_text().strip())
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("link", name="test", exact=True)).to_be_visible()
    yield page
    context.close()
    assert complaints == []


def spans_of(operator: Page, trace_id: str) -> dict[str, list[dict[str, Any]]]:
    """The trace's spans by the service that sent them."""
    answer = operator.request.get(f"/jaeger/api/v3/traces/{trace_id}")
    if not answer.ok:
        return {}
    found: dict[str, list[dict[str, Any]]] = {}
    for resource in answer.json()["result"]["resourceSpans"]:
        attributes = {one["key"]: one["value"].get("stringValue", "") for one in resource["resource"]["attributes"]}
        for scope in resource["scopeSpans"]:
            found.setdefault(attributes["service.name"], []).extend(scope["spans"])
    return found


def test_one_trace_leads_from_the_browser_to_the_row(operator: Page, trace_id: str) -> None:
    wanted = {"browser", "edge", "api-gateway", "order-processor"}
    spans = eventually(
        lambda: found if wanted <= (found := spans_of(operator, trace_id)).keys() else None,
        lambda: f"{wanted} in trace {trace_id}, which has {sorted(spans_of(operator, trace_id))}",
        SEEN_WITHIN_SECONDS,
    )
    names = {span["name"] for service in spans.values() for span in service}
    assert {"orders publish", "orders process"} <= names
    known = {span["spanId"] for service in spans.values() for span in service}
    orphans = {
        span["name"]: span["parentSpanId"]
        for service in spans.values()
        for span in service
        if span.get("parentSpanId") and span["parentSpanId"] not in known
    }
    assert not orphans
    roots = [span for service in spans.values() for span in service if not span.get("parentSpanId")]
    assert [span in spans["browser"] for span in roots] == [True]


def test_its_metrics_name_it(operator: Page, trace_id: str) -> None:
    def exemplars() -> bool:
        query = quote('{__name__=~".+_bucket"}')
        now = time.time()
        answer = operator.request.get(f"/prometheus/api/v1/query_exemplars?query={query}&start={now - 600}&end={now + 60}")
        return trace_id in json.dumps(answer.json())

    eventually(exemplars, f"an exemplar of trace {trace_id}", SEEN_WITHIN_SECONDS + 15)


def test_its_logs_name_it(operator: Page, trace_id: str) -> None:
    def lines() -> list[str]:
        answer = operator.request.get(f"/logs/select/logsql/query?query={quote(f'trace_id:{trace_id}')}&limit=50")
        return answer.text().splitlines() if answer.ok else []

    found = eventually(lines, f"a line of trace {trace_id} in the log store", SEEN_WITHIN_SECONDS)
    assert "correct horse battery staple" not in "".join(found)
    assert "@shop.example.com" not in "".join(found)


def picture(page: Page, name: str) -> None:
    page.screenshot(path=SCREENSHOTS / f"console-{name}.png", full_page=True)


def panels(page: Page, state: str) -> list[str]:
    """The titles of panels in that state, without those whose emptiness is no fault."""
    chosen = page.locator(f"[data-panel][data-state={state}]:not([data-optional])")
    return [str(title) for title in chosen.evaluate_all("panels => panels.map(panel => panel.dataset.panel)")]


@pytest.mark.long
@pytest.mark.parametrize("dashboard", [*dashboards(), *dashboards(EXAMPLES)], ids=lambda dashboard: dashboard.name)
def test_each_panel_of_a_dashboard_shows_data(operator: Page, dashboard: Dashboard) -> None:
    name = dashboard.name
    if name == "databases":
        # Its panels tell up to when the data can be restored, and that takes a backup.
        run_playbook("backup", *ON)
    operator.goto(f"/console/?dashboard={name}&from=now-15m&refresh=5s")
    expect(operator.locator("[data-panel]")).to_have_count(len(dashboard.panels))
    try:
        eventually(
            lambda: not [title for state in ("loading", "empty", "error") for title in panels(operator, state)],
            lambda: f"every panel of {name} shows data; empty are {panels(operator, 'empty')}, wrong {panels(operator, 'error')}",
            patience=PATIENCE,
            interval=1.0,
        )
        expect(operator.locator("[data-state=data].graph canvas").first).to_be_visible()
    finally:
        picture(operator, name)


def test_an_order_is_seen_from_the_browser_to_its_row(operator: Page, trace_id: str) -> None:
    operator.goto(f"/console/trace/{trace_id}")
    note = operator.locator(".note")
    # It is asked for again until the trace stands still.
    for service in ("browser", "edge", "api-gateway", "order-processor"):
        expect(note).to_contain_text(service, timeout=PATIENCE * 1000)
    waterfall = operator.locator(".waterfall")
    expect(waterfall.get_by_text("order-processor:").first).to_be_visible()
    expect(operator.get_by_label("Logs of this trace").locator(".line").first).to_be_visible(timeout=PATIENCE * 1000)
    picture(operator, "trace")

    operator.get_by_role("link", name="its logs").click()
    expect(operator.locator(f".line[data-trace='{trace_id}']").first).to_be_visible()
    operator.locator(".line").first.get_by_role("link", name="trace").click()
    expect(operator).to_have_url(re.compile(f"/console/trace/{trace_id}"))


def test_traces_and_logs_are_searched_and_found(operator: Page) -> None:
    operator.goto("/console/traces?from=now-15m&service=api-gateway")
    expect(operator.locator("table.traces a").first).to_be_visible(timeout=PATIENCE * 1000)
    picture(operator, "traces")
    operator.locator("table.traces a").first.click()
    expect(operator.locator(".waterfall").get_by_text("api-gateway:").first).to_be_visible()

    operator.goto("/console/logs?from=now-15m&service=edge&q=POST")
    expect(operator.locator(".line").first).to_contain_text("POST")
    operator.locator(".line").first.get_by_role("button", name="All fields").click()
    expect(operator.locator(".fields")).to_contain_text("service.name")
    picture(operator, "logs")


def test_what_fires_leads_to_what_to_do(operator: Page) -> None:
    operator.goto("/console/alerts")
    # One always fires, so that its silence is noticed.
    expect(operator.locator("table.alerts").or_(operator.get_by_text("no alert fires"))).to_be_visible()
    picture(operator, "alerts")


def test_an_address_shows_somebody_else_the_same(operator: Page) -> None:
    operator.goto("/console/?dashboard=host&from=now-3h")
    expect(operator.get_by_label("Time range")).to_have_value("now-3h")
    operator.get_by_role("link", name="Orders").click()
    expect(operator).to_have_url(re.compile(r"/console/\?from=now-3h&dashboard=orders$"))
    operator.go_back()
    expect(operator.locator("[data-panel='Memory']")).to_be_visible()


def test_the_colours_of_the_screen_are_kept(operator: Page) -> None:
    operator.goto("/console/?dashboard=release&from=now-15m")
    operator.get_by_role("button", name="Light colours").click()
    operator.reload()
    expect(operator.locator("html[data-theme=light]")).to_be_attached()
    expect(operator.locator("[data-panel][data-state=loading]")).to_have_count(0)
    picture(operator, "light")
    operator.get_by_role("button", name="Dark colours").click()


# Last: what watches is set up anew afterwards.
def test_with_all_of_it_gone_orders_and_a_release_go_on(observed: None, deployed_environment: DeployedEnvironment, tmp_path: Path) -> None:
    """A new release's containers begin to tell, and nobody is there."""

    def running() -> list[str]:
        return docker("ps", "--filter", f"name=^{TEST.observability_prefix}-", "--format", "{{.Names}}").split()

    # The engine starts nothing again that it was told to kill.
    docker("kill", *running())
    target = Target(deployed_environment.base_url, deployed_environment.ca_file)
    routes = NginxRoutes(TEST.path("routes"))

    def roll_back() -> Committed:
        run_playbook("rollback", *ON)
        return Committed(routes.current().weights.as_dict())

    def release() -> Committed:
        # Another limit is another container.
        assert run_playbook("deploy_green", *ON, "-e", "app_stack_memory=511m").changed > 0
        run_playbook("promote", *ON)
        return Committed(routes.current().weights.as_dict())

    weights = routes.current().weights.as_dict()
    config = OrdersConfig(target, tmp_path / "orders", seconds=1, orders=50, customers=4, rate=20, timeout=60, weights=weights)
    try:
        # The browser of the tests before has a loop in this thread.
        with ThreadPoolExecutor(1) as aside:
            report = aside.submit(OrdersClient(config, every(2.0, [roll_back, release], 2)).run).result()
            proof = aside.submit(verify_orders, target, config.journal, deadline=60).result()
        report.assert_every_order_acknowledged()
        report.attempts.assert_nothing_lost()
        proof.assert_all_there()
        assert running() == []
    finally:
        run_playbook("observability", *ON)
