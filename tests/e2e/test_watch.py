"""`make watch`: edits reach the browser through the edge, and nothing is left when it ends, however it ends."""

from __future__ import annotations

import shutil
import signal
import ssl
from collections.abc import Iterator
from pathlib import Path

import docker
import httpx
import pytest
from playwright.sync_api import Browser, expect

from harness.chromium import chromium
from harness.environment_under_test import CHECKOUT, TEST, run_playbook, try_playbook
from harness.module_runner import run_module
from harness.waiting import eventually
from harness.watched_tree import open_page, watched_tree

_STATE = ("application", "compose", "journal", "ledger.jsonl")
# The page asks until the answer is another one; while the gateway begins anew the edge has none.
_ASK_UNTIL = """async ([path, word]) => {
  for (;;) {
    const answer = await fetch(path, { cache: "no-store" }).catch(() => null);
    if (answer?.ok && (await answer.text()).includes(word)) return answer.headers.get("X-Echobase-Colour");
    await new Promise((later) => setTimeout(later, 20));
  }
}"""


@pytest.fixture
def only_blue(deployed_environment: object) -> None:
    """Blue serves, and green is not there."""
    traffic = run_module("bluegreen_info", {"environment": "test"})
    if traffic["live"] != ["blue"]:
        run_playbook("deploy_blue")
        run_playbook("promote")
    run_playbook("cleanup")
    # What the other colour had taught the edge is forgotten.
    run_playbook("setup")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


def traces() -> dict[str, object]:
    """Containers, networks, volumes, and what the state says of colours. Of the routing table its shares count: it has another number."""
    engine = docker.from_env()
    containers = engine.containers.list(all=True, filters={"label": "io.echobase.environment=test"})
    files = [path for name in _STATE for path in (Path(TEST.path(name)), *Path(TEST.path(name)).rglob("*")) if path.is_file()]
    return {
        # The edge is another one after it learned other routes; what it was made from counts.
        "containers": {one.name: (one.status, one.name == TEST.edge_container or one.id) for one in containers},
        "networks": sorted(one.name for one in engine.networks.list() if "-test-" in one.name),
        "volumes": sorted(one.name for one in engine.volumes.list() if "-test-" in one.name),
        "files": {str(path): path.read_bytes() for path in files},
        "traffic": run_module("bluegreen_info", {"environment": "test"})["weights"],
        "edge": Path(TEST.path("edge", "nginx.conf")).read_bytes(),
    }


def test_edits_are_seen_through_the_edge_and_nothing_is_left(only_blue: None, browser: Browser, tmp_path: Path) -> None:
    before = traces()
    with watched_tree(tmp_path) as tree:
        laid = tree.files
        page = open_page(browser)
        expect(page.get_by_test_id("colour")).to_have_text("green", ignore_case=True)
        # Nobody's work is lost: the page is the same one after an edit.
        page.get_by_test_id("email").fill("somebody@shop.example.com")
        tree.edit("frontend/src/App.tsx", "Echobase <span>Orders</span>", "Echobase <span>edited orders</span>")
        expect(page.get_by_text("edited orders")).to_be_visible()
        expect(page.get_by_test_id("email")).to_have_value("somebody@shop.example.com")

        tree.edit("api_gateway/health_routes.py", '{"status": "ok", "timestamp"', '{"status": "edited", "timestamp"')
        assert page.evaluate(_ASK_UNTIL, ["/health", "edited"]) == "green"

        second = try_playbook("watch", "-e", "watch_session=/nobody/watches")
        assert second.code != 0
        assert "watch by " in second.output
        assert "has environment test - wait for its end" in second.output
        assert "watch by " in try_playbook("deploy").output
        assert "WATCH     green shows the working tree" in run_playbook("status").output

        changed = {name for name, content in tree.files.items() if laid.get(name) != content}
        assert changed == {"frontend/src/App.tsx", "api_gateway/health_routes.py"}, "something else was written into the working tree"
        assert tree.end() == 0, tree.output
    assert traces() == before
    trust = ssl.create_default_context(cafile=TEST.path("tls", "ca.crt"))
    answer = httpx.get(f"https://localhost:{TEST.edge_port}/health", verify=trust)
    assert (answer.headers["X-Echobase-Colour"], answer.json()["status"]) == ("blue", "ok")
    assert run_playbook("setup").changed == 0


@pytest.mark.long
@pytest.mark.parametrize(
    ("number", "further"),
    [
        (signal.SIGHUP, ""),
        # A path that no release has: the edge learns and forgets it.
        (signal.SIGKILL, "\nx-echobase: {routes: {/tried: {service: api-gateway, port: 8443, tls: true}}}\n"),
    ],
    ids=["closed terminal", "kill -9, with a route of its own"],
)
def test_however_it_ends_nothing_is_left(only_blue: None, tmp_path: Path, number: signal.Signals, further: str) -> None:
    before = traces()
    with watched_tree(tmp_path, further) as tree:
        if further:
            assert traces()["edge"] != before["edge"]
        assert tree.end(number) == (-number if number is signal.SIGKILL else 0), tree.output
    # Whoever was killed shows nothing of the end.
    lease = Path(TEST.path("lease.json"))
    eventually(lambda: '"run": ""' in lease.read_text(), "the playbook has ended", patience=120)
    assert traces() == before


@pytest.mark.long
def test_a_program_that_does_not_start_is_told_and_goes(only_blue: None, tmp_path: Path) -> None:
    before = traces()
    shutil.copytree(CHECKOUT / "apps" / "orders", tmp_path / "orders")
    file = tmp_path / "orders" / "compose.yml"
    broken = "services: {api-gateway: {command: [python, -c, \"raise SystemExit('no sources')\"]}}\n"
    file.with_name("compose.watch.yml").write_text(broken)
    variables = {"echobase_application": file, "watch_session": tmp_path / "session", "app_stack_ready_seconds": 20}
    run = try_playbook("watch", *(part for name, value in variables.items() for part in ("-e", f"{name}={value}")))
    assert run.code != 0
    assert "green did not get ready" in run.output, run.output
    assert "no sources" in run.output
    assert traces() == before


@pytest.mark.long
def test_a_release_in_the_idle_colour_is_not_replaced(both_colours: object) -> None:
    del both_colours
    before = traces()
    run = try_playbook("watch", "-e", "watch_session=/nobody/watches")
    assert run.code != 0
    assert "green holds release " in run.output
    assert ", which the working tree would replace - remove it with " in run.output
    assert traces() == before
