"""SSH is cut in the midst of setup, deploy, promote and restore, at moments drawn by lot: the next run ends well, and nothing is lost."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.colours.claim import ColourClaims
from ansible_collections.echobase.platform.plugins.module_utils.environment.ledger import Ledger
from ansible_collections.echobase.platform.plugins.module_utils.environment.release_history import ReleaseHistory
from ansible_collections.echobase.platform.plugins.module_utils.lease.release_lease import ReleaseLease
from ansible_collections.echobase.platform.plugins.module_utils.traffic.nginx_routes import NginxRoutes
from harness.cut_connections import Cut
from harness.remote_environment import RemoteEnvironment
from harness.remote_host import remote_host

pytestmark = pytest.mark.long

SEED = 14
# How many steps these have at least when there is something to do.
STEPS = {"setup": 30, "deploy": 20, "promote": 7, "restore": 8}
# A dead connection is noticed in seconds instead of minutes.
SSH = "-C -o ControlMaster=auto -o ControlPersist=60s -o ServerAliveInterval=1 -o ServerAliveCountMax=3"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RemoteEnvironment]:
    folder = tmp_path_factory.mktemp("cut")
    with pytest.MonkeyPatch.context() as patch, remote_host("echobase-cut", folder / "host") as host:
        patch.setenv("ANSIBLE_SSH_ARGS", SSH)
        shop = RemoteEnvironment(host, "deployer", folder)
        shop.hand_over_images()
        # The first setup of all is cut, too, and each next one goes on where it was.
        for seed in range(3):
            cut = Cut(shop, random.Random(f"setup {seed} {SEED}"), STEPS["setup"])
            cut.run("setup")
        completed(shop, cut, "setup")
        assert shop.run("setup").changed == 0
        yield shop


def completed(shop: RemoteEnvironment, cut: Cut, playbook: str, *arguments: str) -> None:
    """The next run ends well; then the lock is free, the ledger says what the routing table says, and no claim is left."""
    again = shop.attempt(playbook, *arguments)
    assert again.code == 0, f"after {cut}\n{again.output}"
    assert not ReleaseLease(shop.on_disk).read().is_held, str(cut)
    routes = NginxRoutes(shop.on_disk.path("routes")).current()
    history = ReleaseHistory(Ledger(Path(shop.on_disk.path("ledger.jsonl"))).entries(), routes.weights.live)
    assert history.weights == routes.weights.as_dict(), f"after {cut}\n{shop.ledger()}"
    assert not routes.maintenance, str(cut)
    assert not ColourClaims(shop.on_disk).all(), str(cut)


def test_a_cut_release_is_done_by_the_next_run_and_no_customer_notices(
    shop: RemoteEnvironment, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cut_runs = 0
    with shop.customers(tmp_path / "customers") as customers:
        for number in range(4):
            chance = random.Random(f"release {number} {SEED}")
            version = ("-e", f"app_stack_version=0.2.{number}")
            for playbook, arguments in (("deploy", version), ("promote", ())):
                cut = Cut(shop, chance, STEPS[playbook])
                cut_runs += cut.run(playbook, *arguments)
                completed(shop, cut, playbook, *arguments)
            # A second rollback would flip back if the first promotion were unknown.
            live = NginxRoutes(shop.on_disk.path("routes")).current().weights.live
            assert shop.ledger()[-1] == f"promoted {live[0]}"
    with capsys.disabled():
        print(f"\n{cut_runs} runs were cut; {customers.answered} requests, lost or wrong: {customers.faults or 0}")
    customers.assert_nothing_lost()
    customers.assert_every_order_is_there()
    assert cut_runs >= 6


@pytest.mark.parametrize("number", range(3))
def test_a_cut_restore_is_ended_by_the_next_run(shop: RemoteEnvironment, tmp_path: Path, number: int) -> None:
    with shop.customers(tmp_path / "before") as before:
        shop.run("backup")
    before.assert_nothing_lost()
    confirmed = ("-e", f"restore_confirm={shop.topology.server('mariadb').volume}")
    cut = Cut(shop, random.Random(f"restore {number} {SEED}"), STEPS["restore"])
    cut.run("restore", *confirmed)
    completed(shop, cut, "restore", *confirmed)
    before.assert_every_order_is_there()
    status = shop.run("status").output
    assert "TROUBLE: " not in status, f"after {cut}\n{status}"
    assert re.search(r"^TRAFFIC +\w+ 100 %", status, re.M), status
    with shop.customers(tmp_path / "after") as after:
        shop.run("status")
    after.assert_nothing_lost()
