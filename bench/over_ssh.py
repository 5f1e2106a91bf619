"""What SSH adds to a run with nothing to do and to a deployment, and what Compose takes for the same containers over SSH."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import yaml

from bench.machine import load_of_others
from bench.place import Place
from bench.results import Result
from harness.environment_under_test import PlaybookRun, run_playbook
from harness.local_registry import LocalRegistry
from harness.remote_environment import RemoteEnvironment
from harness.remote_host import remote_host

ROUNDS = 5
MOST_TIMES_LOCAL = 1.3
_REGISTRY_MEBIBYTES = 1500
_NO_OP, _NO_OP_SSH = "`deploy_green.yml`, nothing to do, here", "the same over SSH"
_DEPLOY, _DEPLOY_SSH, _COMPOSE = "`deploy_green.yml`, another version, here", "the same, over SSH", "Compose, over SSH"


@dataclass
class Compose:
    """The rival: green's own containers, as Compose starts them from a registry."""

    shop: RemoteEnvironment
    registry: LocalRegistry
    round: int = 0

    def prepare(self) -> None:
        """Another tag for each image, as somebody has built them elsewhere meanwhile."""
        self.round += 1
        project = yaml.safe_load(Path(self.shop.on_disk.path("compose", "green.yml")).read_text())
        port = self.registry.address.rpartition(":")[2]
        for service in project["services"].values():
            pushed = self.registry.take(service["image"], f"1.{self.round}")
            # The host's way to this machine.
            service["image"] = f"{self.shop.host.machine.address_of_host}:{port}/{pushed.partition('/')[2]}"
        (self.shop.host.machine.root / "root/compose.json").write_text(json.dumps(project))

    def run(self) -> None:
        compose = f"docker compose --project-name {self.shop.topology.colour('green').project} --file compose.json"
        done = self.shop.host.ssh("root", f"{compose} pull --quiet && {compose} up --detach --wait")
        assert done.returncode == 0, done.stderr


def run(place: Place) -> Result:
    """It wants nothing of the place: it uses environment test here and a host of its own, and removes both."""
    del place
    with _both() as compose:
        return measured(compose)


@contextmanager
def _both() -> Iterator[Compose]:
    registry = LocalRegistry(_REGISTRY_MEBIBYTES)
    try:
        registry.start()
        with tempfile.TemporaryDirectory() as name, remote_host("echobase-bench", Path(name, "host")) as host:
            # The registry has no certificate.
            (host.machine.root / "etc/docker").mkdir()
            (host.machine.root / "etc/docker/daemon.json").write_text(
                json.dumps({"insecure-registries": [f"{host.machine.address_of_host}/32"]})
            )
            shop = RemoteEnvironment(host, "root", Path(name))
            shop.hand_over_images()
            for playbook in ("setup", "deploy_green"):
                run_playbook(playbook)
                shop.run(playbook)
            yield Compose(shop, registry)
    finally:
        run_playbook("teardown")
        registry.close()


def measured(compose: Compose) -> Result:
    """All in turn, round by round, so that what disturbs the machine disturbs all of them."""
    load = load_of_others()
    broken: set[str] = set()
    seconds: dict[str, list[float]] = {}

    def timed(name: str, act: Callable[[], PlaybookRun | None], changes: bool) -> None:
        began = time.monotonic()
        done = act()
        seconds.setdefault(name, []).append(time.monotonic() - began)
        if done is not None and bool(done.changed) != changes:
            broken.add(f"{name} changed {done.changed}")

    for number in range(ROUNDS):
        version = ("-e", f"app_stack_version=0.9.{number}")
        compose.prepare()
        timed(_COMPOSE, compose.run, changes=True)
        timed(_DEPLOY_SSH, lambda: compose.shop.run("deploy_green", *version), changes=True)  # noqa: B023 - it is called at once
        timed(_DEPLOY, lambda: run_playbook("deploy_green", *version), changes=True)  # noqa: B023
        timed(_NO_OP_SSH, lambda: compose.shop.run("deploy_green", *version), changes=False)  # noqa: B023
        timed(_NO_OP, lambda: run_playbook("deploy_green", *version), changes=False)  # noqa: B023
    rows = [_row(name, seconds[name]) for name in (_NO_OP, _NO_OP_SSH, _DEPLOY, _DEPLOY_SSH, _COMPOSE)]
    ratios = [
        _ratio("nothing to do: over SSH to here", seconds[_NO_OP_SSH], seconds[_NO_OP], f"{MOST_TIMES_LOCAL:g}"),
        _ratio("a deployment: over SSH to here", seconds[_DEPLOY_SSH], seconds[_DEPLOY]),
        _ratio("a deployment over SSH to Compose over SSH", seconds[_DEPLOY_SSH], seconds[_COMPOSE]),
    ]
    most = ratios[0]["ratio"]
    below = [f"a run with nothing to do takes {most:.2f} times as long over SSH, more than {MOST_TIMES_LOCAL:g}"]
    figures = {"rounds": ROUNDS, "load_of_others": load, "rows": rows, "ratios": ratios}
    return Result("over_ssh", figures, sorted(broken), below if most > MOST_TIMES_LOCAL else [])


def _row(name: str, taken: list[float]) -> dict[str, Any]:
    return {"name": name, "seconds": round(median(taken), 2), "fastest": round(min(taken), 2), "slowest": round(max(taken), 2)}


def _ratio(name: str, one: list[float], other: list[float], aim: str = "-") -> dict[str, Any]:
    """Of the pairs: what disturbs the machine for longer than a round disturbs both."""
    return {"name": name, "ratio": round(median(first / second for first, second in zip(one, other, strict=True)), 2), "aim": aim}
