"""Wrong input, through the playbooks as a user gives it: one line with cause and remedy, and nothing changed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.environment_under_test import CHECKOUT, try_playbook


def everything() -> set[str]:
    """Every container and volume on this machine."""
    listings = (["docker", "ps", "-aq", "--no-trunc"], ["docker", "volume", "ls", "-q"])
    return {line for command in listings for line in subprocess.check_output(command, text=True).split()}


@pytest.fixture
def nothing_changes() -> Iterator[None]:
    before = everything()
    yield
    assert everything() == before


def inventory_of(folder: Path, environment: str) -> Path:
    inventory = folder / "hosts.yml"
    variables = (
        f"{{ansible_connection: local, ansible_python_interpreter: {sys.executable}, echobase_env: {environment}, echobase_home: {folder}}}"
    )
    inventory.write_text(f"---\nechobase: {{hosts: {{nowhere: {variables}}}}}\n")
    return inventory


@pytest.mark.usefixtures("nothing_changes")
@pytest.mark.parametrize("playbook", ["setup", "deploy_green", "promote", "status", "teardown"])
def test_an_unknown_environment_is_named_with_the_known_ones(playbook: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ansible", "playbook", "-i", str(inventory_of(tmp_path, "devlcal")), f"playbooks/{playbook}.yml"],
        cwd=CHECKOUT,
        env=os.environ | {"ANSIBLE_NOCOLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "unknown environment 'devlcal' - choose one of devlocal, ci, test" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.usefixtures("nothing_changes")
@pytest.mark.parametrize(
    ("playbook", "arguments", "message"),
    [
        ("deploy", ["-e", "deploy_colour=red"], "unknown colour 'red' - choose blue, green or auto"),
        ("promote", ["-e", "promote_colour=red"], "unknown colour 'red' - choose blue or green"),
        ("rollback", ["-e", "rollback_colour=red"], "unknown colour 'red' - choose blue or green"),
        ("refresh_images", ["-e", "refresh_database=yes"], "refresh_database is 'yes' - say refresh_database=restart"),
        ("teardown", ["-e", "durable_db_confirm=orders"], "type that name exactly to delete them"),
    ],
)
def test_a_wrong_name_is_refused_before_anything_is_touched(playbook: str, arguments: list[str], message: str) -> None:
    run = try_playbook(playbook, *arguments)
    assert run.code != 0
    assert message in " ".join(run.output.split())
    assert "Traceback" not in run.output
    assert run.changed == 0
