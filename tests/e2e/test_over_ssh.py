"""The story on a host that shares nothing with the controller, over SSH: as root, and as a user who may become root."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from harness.environment_under_test import CHECKOUT
from harness.remote_environment import RemoteEnvironment
from harness.remote_host import USERS, RemoteHost, remote_host

pytestmark = pytest.mark.long

# Shorter files are alike by chance.
_TELLING_BYTES = 200
# What belongs to the engine, to the kernel and to packages.
_NOT_OURS = ("var/lib/docker", "proc", "sys", "dev", "run", "usr")


@pytest.fixture(scope="module", params=USERS)
def shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RemoteEnvironment]:
    folder = tmp_path_factory.mktemp(request.param)
    with remote_host("echobase-shop", folder / "host") as host:
        shop = RemoteEnvironment(host, request.param, folder)
        shop.hand_over_images()
        yield shop


def fingerprint(shop: RemoteEnvironment) -> dict[str, str]:
    """Every container and every file of the environment, but what its running parts write by themselves."""
    seen = dict(
        line.split(" ", 1) for line in shop.host.run("docker ps --all --no-trunc --format '{{.Names}} {{.ID}} {{.State}}'").splitlines()
    )
    home = Path(shop.on_disk.home)
    for file in sorted(home.rglob("*")):
        if file.relative_to(home).parts[0] not in ("edge-log", "desk", "backups"):
            content = str(file.readlink()) if file.is_symlink() else hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else ""
            seen[str(file)] = content
    return seen


def controllers_own() -> set[str]:
    """What of an environment could lie on this machine: files of the checkout, state, containers, networks and volumes."""
    listing = [
        "git",
        "ls-files",
        "--others",
        "--exclude=__pycache__",
        "--exclude=.cache",
        "--exclude=tests/output",
        "--exclude=.mypy_cache",
        "--exclude=.ruff_cache",
    ]
    found = set(subprocess.run(listing, cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout.splitlines())
    state = Path("/var/lib/echobase")
    found |= {str(path) for path in state.glob("shop*")} if state.exists() else set()
    client = docker.from_env()
    named = {str(one.name) for one in client.containers.list(all=True, ignore_removed=True)}
    named |= {str(network.name) for network in client.networks.list()} | {str(volume.name) for volume in client.volumes.list()}
    return found | {name for name in named if "echobase-shop" in name}


def files_of_the_checkout(host: RemoteHost) -> list[str]:
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout.split("\0")
    known = {hashlib.sha256(path.read_bytes()).digest() for path in map(CHECKOUT.joinpath, tracked) if _is_telling(path)}
    found = []
    for folder, folders, names in os.walk(host.machine.root):
        here = Path(folder)
        folders[:] = [name for name in folders if str((here / name).relative_to(host.machine.root)) not in _NOT_OURS]
        found += [
            str(here / name) for name in names if _is_telling(here / name) and hashlib.sha256((here / name).read_bytes()).digest() in known
        ]
    return found


def _is_telling(path: Path) -> bool:
    return path.is_file() and not path.is_symlink() and path.stat().st_size > _TELLING_BYTES


def test_the_story(shop: RemoteEnvironment, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = controllers_own()
    assert shop.run("setup").changed > 0
    assert shop.run("setup").changed == 0

    laid = fingerprint(shop)
    predicted = shop.run("deploy", "--check", "--diff").changed
    assert fingerprint(shop) == laid
    with shop.customers(tmp_path / "customers") as customers:
        assert shop.run("deploy").changed >= predicted > 0
        assert shop.run("deploy").changed == 0
        for step in ("canary", "promote", "rollback"):
            laid = fingerprint(shop)
            predicted = shop.run(step, "--check", "--diff").changed
            assert fingerprint(shop) == laid
            assert shop.run(step).changed == predicted > 0, step
            assert shop.run(step).changed == 0, step
        shop.run("backup")
        shop.run("cleanup")
    with capsys.disabled():
        print(f"\nover SSH as {shop.user}: {customers.answered} requests, lost or wrong: {customers.faults or 0}")
    customers.assert_nothing_lost()
    customers.assert_every_order_is_there()
    told = ["deployed green", "canary green", "promoted green", "rolled_back blue", "removed green"]
    assert [event for event in shop.ledger() if event in told] == told

    volume = shop.topology.server("mariadb").volume
    shop.run("restore", "-e", f"restore_confirm={volume}")
    with shop.customers(tmp_path / "after the restore") as after:
        status = shop.run("status").output
    after.assert_nothing_lost()
    assert "restorable as of" in status
    assert "TROUBLE: " not in status

    assert files_of_the_checkout(shop.host) == []
    assert not list(shop.host.machine.root.glob("root/.ansible/tmp/*")) + list(shop.host.machine.root.glob("home/*/.ansible/tmp/*"))
    shop.run("teardown")
    assert shop.host.run("docker ps --all --quiet") == ""
    assert volume in shop.host.run("docker volume ls --quiet").split()
    assert controllers_own() == before


def test_what_it_tells_to_do_next_works_from_here(shop: RemoteEnvironment) -> None:
    """The commands of a refusal name this inventory, since they are typed here."""
    refused = shop.attempt("promote")
    assert refused.code != 0
    command = re.search(r"run `(ansible-playbook -i \S+ playbooks/\S+)`", refused.output)
    assert command, refused.output
    assert str(shop.inventory) in command[1]
