"""What a release and its customers do is seen: an order placed in a browser is found in traces, metrics and logs, across a switch."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from conftest import DeployedEnvironment
from playwright.sync_api import APIRequestContext, Browser, BrowserContext, Page, expect, sync_playwright

from harness.environment_under_test import CHECKOUT, TEST, run_playbook
from harness.waiting import eventually

SCREENSHOTS = CHECKOUT / "tests" / "output" / "screenshots"
CHROMIUM = "/usr/bin/chromium"
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync"]
ON = ("-e", "echobase_observability=true")
PROCESSED = 30_000
# The promise to an operator.
SEEN_WITHIN_SECONDS = 15.0


@pytest.fixture(scope="module")
def observed(deployed_environment: DeployedEnvironment) -> Iterator[DeployedEnvironment]:
    """Green, which was deployed with telemetry, serves."""
    run_playbook("setup", *ON)
    run_playbook("deploy_green", *ON)
    run_playbook("promote", *ON)
    yield deployed_environment
    run_playbook("rollback", *ON)
    # The other tests have no use for it, and what watches costs memory.
    run_playbook("setup")


@pytest.fixture(scope="module")
def browser(observed: DeployedEnvironment) -> Iterator[Browser]:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def operator(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(
        base_url=f"https://localhost:{TEST.operators_port}", ignore_https_errors=True, viewport={"width": 1600, "height": 1000}
    )
    page = context.new_page()
    page.goto("/login")
    page.get_by_label("Name").fill("operator")
    page.get_by_label("Password").fill(Path(TEST.path("secrets", "operator_password")).read_text().strip())
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("button", name="Log out")).to_be_visible()
    page.close()
    yield context
    context.close()


@pytest.fixture
def ask(operator: BrowserContext) -> APIRequestContext:
    return operator.request


def place_order(page: Page, item: str) -> str:
    """Returns the trace that the answer names."""
    page.get_by_test_id("item").fill(item)
    page.get_by_test_id("quantity").fill("1")
    with page.expect_response(lambda answer: answer.request.method == "POST" and answer.url.endswith("/api/orders")) as answered:
        page.get_by_test_id("place-order").click()
    assert answered.value.status == 202
    row = page.get_by_test_id("order-row").filter(has_text=item)
    expect(row.get_by_test_id("order-status")).to_have_text("processed", ignore_case=True, timeout=PROCESSED)
    return str(answered.value.header_value("trace-id"))


@pytest.fixture(scope="module")
def trace(browser: Browser) -> str:
    """The trace of an order that a customer placed in her browser and saw processed."""
    context = browser.new_context(base_url=f"https://localhost:{TEST.edge_port}", ignore_https_errors=True)
    page = context.new_page()
    page.goto("/")
    page.get_by_test_id("email").fill(f"watched-{time.time_ns()}@shop.example.com")
    page.get_by_test_id("password").fill("correct horse battery staple")
    page.get_by_test_id("register").click()
    expect(page.get_by_test_id("place-order")).to_be_visible()
    trace = place_order(page, "a lamp that is watched")
    context.close()
    return trace


def spans_of(ask: APIRequestContext, trace: str) -> dict[str, list[dict[str, Any]]]:
    """The trace's spans by the service that sent them."""
    answer = ask.get(f"/jaeger/api/v3/traces/{trace}")
    if not answer.ok:
        return {}
    found: dict[str, list[dict[str, Any]]] = {}
    for resource in answer.json()["result"]["resourceSpans"]:
        attributes = {one["key"]: one["value"].get("stringValue", "") for one in resource["resource"]["attributes"]}
        for scope in resource["scopeSpans"]:
            found.setdefault(attributes["service.name"], []).extend(scope["spans"])
    return found


def test_one_trace_leads_from_the_browser_to_the_row(ask: APIRequestContext, trace: str) -> None:
    wanted = {"browser", "edge", "api-gateway", "order-processor"}
    spans = eventually(
        lambda: found if wanted <= (found := spans_of(ask, trace)).keys() else None,
        lambda: f"{wanted} in trace {trace}, which has {sorted(spans_of(ask, trace))}",
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


def test_its_metrics_name_it(ask: APIRequestContext, trace: str) -> None:
    def exemplars() -> bool:
        query = quote('{__name__=~".+_bucket"}')
        now = time.time()
        answer = ask.get(f"/prometheus/api/v1/query_exemplars?query={query}&start={now - 600}&end={now + 60}")
        return trace in json.dumps(answer.json())

    eventually(exemplars, f"an exemplar of trace {trace}", SEEN_WITHIN_SECONDS + 15)


def test_its_logs_name_it(ask: APIRequestContext, trace: str) -> None:
    def lines() -> list[str]:
        answer = ask.get(f"/logs/select/logsql/query?query={quote(f'trace_id:{trace}')}&limit=50")
        return answer.text().splitlines() if answer.ok else []

    found = eventually(lines, f"a line of trace {trace} in the log store", SEEN_WITHIN_SECONDS)
    assert "correct horse battery staple" not in "".join(found)
    assert "@shop.example.com" not in "".join(found)
