"""The container of the console: what it serves, under which policy, and what it says when nothing it asks answers."""

from __future__ import annotations

import json
import os
import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import docker
import httpx
import pytest
from docker.models.containers import Container
from playwright.sync_api import ConsoleMessage, expect, sync_playwright

from ansible_collections.echobase.platform.plugins.module_utils.environment.inside import OBSERVER
from areas import CHECKOUT
from harness.images_under_test import image_tag
from harness.throwaway_tls import make_certificates
from harness.waiting import eventually

NAVIGATION = {"Accept": "text/html,application/xhtml+xml"}
CONFIG = {"environment": "zz-test", "log_store": "victorialogs"}


@dataclass
class Console:
    container: Container
    authority: Path

    @property
    def address(self) -> str:
        published = self.container.ports["8443/tcp"] or []
        return f"https://localhost:{published[0]['HostPort']}"

    def ask(self, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        return httpx.get(self.address + path, headers=headers or {}, verify=ssl.create_default_context(cafile=str(self.authority)))


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    folder = tmp_path_factory.mktemp("console")
    make_certificates(folder / "tls", ["console.echobase.internal"])
    (folder / "config.json").write_text(json.dumps(CONFIG))
    for path in (folder, *folder.rglob("*")):
        os.chown(path, OBSERVER, OBSERVER)
    container = docker.from_env().containers.run(
        image_tag("console"),
        name="zz-console-test",
        detach=True,
        read_only=True,
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
        tmpfs={"/tmp": f"mode=0700,uid={OBSERVER},gid={OBSERVER}"},
        ports={"8443/tcp": ("127.0.0.1", 0)},
        volumes={
            str(folder / "tls" / "console"): {"bind": "/run/tls", "mode": "ro"},
            str(folder / "config.json"): {"bind": "/etc/console/config.json", "mode": "ro"},
        },
    )
    try:
        eventually(lambda: _health(container) == "healthy", lambda: f"the console is healthy: {container.logs().decode()}")
        yield Console(container, folder / "tls" / "ca.crt")
    finally:
        container.remove(force=True)


def _health(container: Container) -> str:
    container.reload()
    return str(container.attrs["State"]["Health"]["Status"])


def test_the_page_carries_the_number_that_its_policy_asks_for(console: Console) -> None:
    numbers = set()
    for path in ("/console/", "/console/trace/4bf92f3577b34da6a3ce929d0e0e4736", "/console/logs?q=x"):
        answer = console.ask(path, NAVIGATION)
        policy = answer.headers["content-security-policy"]
        found = re.search(r"'nonce-([0-9a-f]{32})'", policy)
        assert answer.status_code == 200
        assert found and f'content="{found[1]}"' in answer.text
        assert "unsafe" not in policy
        assert answer.headers["cache-control"] == "no-store"
        numbers.add(found[1])
    assert len(numbers) == 3
    # Whoever asks whether it is well says nothing of what he accepts.
    assert console.ask("/console/").status_code == 200


def test_assets_are_kept_and_a_missing_one_is_missing(console: Console) -> None:
    script = re.search(r'src="(/console/assets/[^"]+\.js)"', console.ask("/console/", NAVIGATION).text)
    assert script
    answer = console.ask(script[1], {"Accept-Encoding": "gzip"})
    assert (answer.status_code, answer.headers["content-encoding"]) == (200, "gzip")
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert console.ask("/console/assets/index-old.js", NAVIGATION).status_code == 404
    assert console.ask("/console/missing.png").status_code == 404
    assert console.ask("/etc/passwd", NAVIGATION).status_code == 404


def test_the_configuration_is_the_mounted_file(console: Console) -> None:
    answer = console.ask("/console/config.json")
    assert answer.json() == CONFIG
    assert answer.headers["cache-control"] == "no-cache"


def test_a_runbook_is_read_as_it_is_written(console: Console) -> None:
    written = next((CHECKOUT / "docs" / "runbooks").glob("*.md"))
    answer = console.ask(f"/console/docs/runbooks/{written.name}", NAVIGATION)
    assert answer.text == written.read_text()
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert console.ask("/console/docs/runbooks/../../../../etc/passwd", NAVIGATION).status_code in (400, 404)


def test_every_view_says_in_one_line_what_does_not_answer(console: Console) -> None:
    """Nothing that the console asks is there: each request ends with a broken connection."""
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            complaints.append(message.text)

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_context(base_url=console.address, ignore_https_errors=True).new_page()
        page.on("console", note)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        for tool in ("prometheus", "jaeger", "logs"):
            page.route(f"**/{tool}/**", lambda route: route.abort())

        page.goto("/console/?dashboard=release")
        expect(page.get_by_text("zz-test")).to_be_visible()
        expect(page.locator("[data-panel]")).not_to_have_count(0)
        expect(page.locator("[data-panel]:not([data-state=error])")).to_have_count(0)
        expect(page.locator("[data-panel]").first).to_contain_text("Prometheus does not answer")
        for path, line in {
            "traces": "Jaeger does not answer",
            "trace/4bf92f3577b34da6a3ce929d0e0e4736": "Jaeger does not answer",
            "trace/x": '"x" is no trace id: it has 32 characters of 0-9 and a-f',
            "logs?q=a": "VictoriaLogs does not answer",
            "alerts": "Prometheus does not answer",
            "?dashboard=nonsense": 'There is no dashboard "nonsense"',
        }.items():
            page.goto(f"/console/{path}")
            expect(page.get_by_role("alert")).to_have_text(line)
        browser.close()
    assert complaints == []
