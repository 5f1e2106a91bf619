"""The instrument is not blind: the same client, before ways of switching which are known to lose requests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from rivals.reloading_proxy import ReloadingProxy, running_proxy
from upstreams import Upstream, running

from counting_client import ClientConfig, Committed, CountingClient, PlannedSwitch, Report, Target, every
from run_results import Results

pytestmark = pytest.mark.load

PROXY_PORT = 22444
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


def count(tls: Path, plan: list[PlannedSwitch], seconds: float) -> Report:
    target = Target(f"https://localhost:{PROXY_PORT}/orders", str(tls / "ca.crt"), ("127.0.0.1", PROXY_PORT))
    # As many requests as there can be: a loss needs one that is on its way when its connection is closed.
    return CountingClient(ClientConfig(target, seconds=seconds, busy=64, idle=30, longest_pause=10, weights=BLUE), plan).run()


def test_a_proxy_that_does_not_switch_loses_nothing(proxy: ReloadingProxy, tls: Path, results: Results) -> None:
    report = count(tls, [], seconds=8)
    results.keep(report)
    report.assert_nothing_lost()


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
