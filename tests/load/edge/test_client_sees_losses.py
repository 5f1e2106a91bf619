"""The instrument is not blind: the same client, before ways of switching which are known to lose requests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rivals.reloading_proxy import ReloadingProxy, running_proxy
from upstreams import Upstream, running

from counting_client import ClientConfig, Committed, CountingClient, PlannedSwitch, Report, Target, every
from run_results import Results

pytestmark = [pytest.mark.load, pytest.mark.long]

PROXY_PORT = 22444
SESSIONS = 10
EVERY_KIND: dict[str, Any] = {
    "busy": 20,
    "http2_connections": 4,
    "http2_streams": 16,
    "websockets": SESSIONS,
    "message_every": 0.2,
    "event_streams": SESSIONS,
    "uploads": 6,
    "upload_seconds": 3.0,
}
BLUE, GREEN = {"blue": 100, "green": 0}, {"blue": 0, "green": 100}


@pytest.fixture
def blue(tls: Path) -> Upstream:
    return Upstream("blue", "127.45.0.21", 22445, tls / "blue")


@pytest.fixture
def green(tls: Path) -> Upstream:
    return Upstream("green", "127.45.0.31", 22446, tls / "green")


@pytest.fixture
def proxy(nginx_image: str, tls: Path, tmp_path: Path, blue: Upstream, green: Upstream) -> Iterator[ReloadingProxy]:
    with running(blue, green), running_proxy(ReloadingProxy(nginx_image, tmp_path / "proxy", tls / "edge", PROXY_PORT), blue) as started:
        yield started


def count(tls: Path, plan: list[PlannedSwitch], seconds: float, **profile: Any) -> Report:
    target = Target(f"https://localhost:{PROXY_PORT}/orders", str(tls / "ca.crt"), ("127.0.0.1", PROXY_PORT))
    # As many requests as there can be: a loss needs one that is on its way when its connection is closed.
    profile = {"busy": 64, "idle": 30, "longest_pause": 10.0} | profile
    return CountingClient(ClientConfig(target, seconds, weights=BLUE, **profile), plan).run()


def test_a_proxy_that_does_not_switch_loses_nothing(proxy: ReloadingProxy, tls: Path, results: Results) -> None:
    report = count(tls, [], seconds=8, requests=10_000, **EVERY_KIND)
    results.keep(report)
    report.assert_nothing_lost()
    assert set(report.kinds) == {"busy", "idle", "http2", "websocket", "message", "event stream", "upload"}
    # This nginx closes a connection after 1,000 requests. Over HTTP/2 it says which of them it did not process.
    assert report.kinds["http2"].refused_and_repeated > 0


def test_a_reload_loses_requests(proxy: ReloadingProxy, tls: Path, blue: Upstream, green: Upstream, results: Results) -> None:
    def to_green() -> Committed:
        proxy.switch_to(green)
        return Committed(GREEN)

    def to_blue() -> Committed:
        proxy.switch_to(blue)
        return Committed(BLUE)

    report = count(tls, every(0.4, [to_green, to_blue], 40), seconds=18)
    results.keep(report)
    assert report.failed_switches == 0
    assert report.lost > 0
    assert report.unaccounted == 0


def test_stopping_first_loses_requests(proxy: ReloadingProxy, tls: Path, blue: Upstream, green: Upstream, results: Results) -> None:
    green.stop()

    def to_green() -> Committed:
        blue.stop()
        green.start()
        proxy.switch_to(green)
        return Committed(GREEN)

    report = count(tls, [PlannedSwitch(1.0, to_green)], seconds=4)
    results.keep(report)
    assert report.failed_switches == 0
    assert report.server_errors > 0
    assert report.not_served > 0
    assert report.unaccounted == 0


def test_a_killed_proxy_is_felt_by_every_kind(proxy: ReloadingProxy, tls: Path, blue: Upstream, results: Results) -> None:
    def kill() -> Committed:
        blue.await_sessions(SESSIONS, SESSIONS)
        proxy.stop()
        proxy.start(blue)
        blue.await_sessions(SESSIONS, SESSIONS)
        return Committed(BLUE)

    report = count(tls, [PlannedSwitch(1.5, kill)], seconds=10, **EVERY_KIND)
    results.keep(report)
    assert report.unaccounted == report.failed_switches == report.wrong_colour == 0
    for kind in ("busy", "http2", "upload"):
        assert report.kinds[kind].lost > 0
    for kind in ("websocket", "event stream"):
        # Every session broke, and was opened again.
        assert (report.sessions[kind].opened, report.sessions[kind].broken) == (2 * SESSIONS, SESSIONS)
        assert all(one.switch == 1 for one in report.sessions[kind].breaks)
    assert report.faults["missed events"] > 0
    assert report.connect_failures > 0
    # Everybody went on afterwards.
    assert min(report.kinds[kind].answered for kind in ("busy", "http2", "message", "upload")) > 0


def test_stopping_the_old_colour_breaks_its_sessions(
    proxy: ReloadingProxy, tls: Path, blue: Upstream, green: Upstream, results: Results
) -> None:
    def to_green() -> Committed:
        blue.await_sessions(SESSIONS, SESSIONS)
        proxy.switch_to(green)
        blue.stop()
        green.await_sessions(SESSIONS, SESSIONS)
        return Committed(GREEN)

    report = count(tls, [PlannedSwitch(1.5, to_green)], seconds=8, **EVERY_KIND)
    results.keep(report)
    assert report.unaccounted == report.failed_switches == 0
    for kind in ("websocket", "event stream"):
        assert report.sessions[kind].broken >= SESSIONS
