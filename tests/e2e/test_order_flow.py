"""A customer in a real browser: registers, logs in, orders, sees the order processed; then a release happens under her."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from harness.chromium import chromium
from harness.environment_under_test import CHECKOUT, TEST, run_playbook

SCREENSHOTS = CHECKOUT / "tests" / "output" / "screenshots"
PROCESSED = 30_000


@pytest.fixture(scope="module")
def browser(deployed_environment: object) -> Iterator[Browser]:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    # The environment's own certificate authority is not in the browser's store.
    context = browser.new_context(base_url=f"https://localhost:{TEST.edge_port}", ignore_https_errors=True)
    yield context.new_page()
    context.close()


@pytest.fixture
def customer(page: Page, request: pytest.FixtureRequest) -> Page:
    """Registered and logged in."""
    page.goto("/")
    page.get_by_test_id("email").fill(f"{request.node.name.replace('_', '-')}-{id(page)}@shop.example.com")
    page.get_by_test_id("password").fill("correct horse battery staple")
    page.get_by_test_id("register").click()
    expect(page.get_by_test_id("place-order")).to_be_visible()
    return page


def place_order(page: Page, item: str, quantity: int = 1) -> None:
    page.get_by_test_id("item").fill(item)
    page.get_by_test_id("quantity").fill(str(quantity))
    page.get_by_test_id("place-order").click()
    expect(page.get_by_test_id("order-row").filter(has_text=item)).to_be_visible()


def test_an_order_becomes_processed_before_the_customers_eyes(customer: Page) -> None:
    place_order(customer, "three lamps", 3)
    row = customer.get_by_test_id("order-row").filter(has_text="three lamps")
    expect(row.get_by_test_id("order-status")).to_have_text("processed", ignore_case=True, timeout=PROCESSED)
    customer.screenshot(path=SCREENSHOTS / "order-processed.png", full_page=True)


def test_version_colour_and_release_are_on_the_page(customer: Page) -> None:
    expect(customer.get_by_test_id("colour")).to_have_text("blue", ignore_case=True)
    expect(customer.get_by_test_id("release")).not_to_be_empty()
    expect(customer.get_by_test_id("version")).to_contain_text((CHECKOUT / "apps" / "VERSION").read_text().strip())


def test_the_page_about_health_shows_each_service_and_works_while_degraded(page: Page) -> None:
    page.goto("/")
    page.get_by_test_id("health-link").click()
    expect(page).to_have_url(re.compile("/status$"))
    for service in ("api", "database", "cache"):
        card = page.get_by_test_id(f"health-{service}")
        expect(card.get_by_test_id("health-state")).to_have_text("healthy")
        expect(card.get_by_role("img", name=re.compile("^Trend: "))).to_be_visible()
    expect(page.get_by_test_id("health-database").get_by_test_id("health-latency")).to_contain_text("ms")
    page.screenshot(path=SCREENSHOTS / "health.png", full_page=True)
    degraded = {"status": "degraded", "timestamp": "", "services": {"api": "healthy", "database": "healthy", "cache": "unhealthy"}}
    page.route("**/health/all", lambda route: route.fulfill(json=degraded))
    expect(page.get_by_test_id("health-cache").get_by_test_id("health-state")).to_have_text("unhealthy", timeout=PROCESSED)
    expect(page.get_by_test_id("health-overall")).to_contain_text("Degraded")
    page.route("**/health/all", lambda route: route.abort())
    expect(page.get_by_test_id("health-overall")).to_contain_text("does not answer", timeout=PROCESSED)
    page.screenshot(path=SCREENSHOTS / "health-silent.png", full_page=True)


def test_a_wrong_password_is_told_in_words(page: Page) -> None:
    page.goto("/")
    page.get_by_test_id("email").fill("nobody@shop.example.com")
    page.get_by_test_id("password").fill("not the right one")
    page.get_by_test_id("login").click()
    expect(page.get_by_test_id("error")).to_be_visible()
    page.screenshot(path=SCREENSHOTS / "wrong-password.png", full_page=True)


def test_a_customer_works_on_through_a_promotion_and_a_rollback(customer: Page) -> None:
    place_order(customer, "before the release")
    run_playbook("deploy_green")
    run_playbook("promote")
    try:
        # No reload, no new login: the token of one colour is valid in the other, and so is the page.
        place_order(customer, "on the new release")
        expect(customer.get_by_test_id("colour")).to_have_text("green", ignore_case=True)
    finally:
        run_playbook("rollback")
    place_order(customer, "after the rollback")
    for item in ("before the release", "on the new release", "after the rollback"):
        row = customer.get_by_test_id("order-row").filter(has_text=item)
        expect(row.get_by_test_id("order-status")).to_have_text("processed", ignore_case=True, timeout=PROCESSED)


def test_the_preview_asks_for_a_login_and_then_shows_the_chosen_colour(browser: Browser) -> None:
    run_playbook("deploy_green")
    password = (Path(TEST.home) / "secrets" / "operator_password").read_text().strip()
    address = f"https://localhost:{TEST.operators_port}"

    for path in ("/", "/preview/green", "/api/orders", "/assets/"):
        assert httpx.get(address + path, verify=ssl.create_default_context(cafile=TEST.path("tls", "ca.crt"))).status_code == 401

    operator = browser.new_context(base_url=address, ignore_https_errors=True)
    page = operator.new_page()
    page.goto("/preview/green")
    page.get_by_label("Name").fill("operator")
    page.get_by_label("Password").fill("not the right one")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_have_text("Name or password is wrong.")
    page.get_by_label("Password").fill(password)
    page.screenshot(path=SCREENSHOTS / "operators-login.png", full_page=True)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_test_id("colour")).to_have_text("green", ignore_case=True)
    page.get_by_test_id("email").fill(f"operator-{id(page)}@shop.example.com")
    page.get_by_test_id("password").fill("correct horse battery staple")
    page.get_by_test_id("register").click()
    place_order(page, "ordered through the preview")
    page.screenshot(path=SCREENSHOTS / "preview-green.png", full_page=True)
    page.goto("/login")
    page.get_by_role("button", name="Log out").click()
    page.goto("/")
    expect(page).to_have_title("Operators: log in")
    operator.close()
