"""Wrong input, through the playbooks as a user gives it: one line with cause and remedy, and nothing changed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.containers.client import ENVIRONMENT_LABEL
from harness.environment_under_test import CHECKOUT, TEST, try_playbook

UNKNOWN = "devlcal"
_WATCHED = (TEST.name, UNKNOWN)
# Not everything carries the label: the colours and their clouds are known by their names.
_WATCHED_NAME = re.compile(rf"echobase-(aws-)?({'|'.join(_WATCHED)})-")
_LABEL = f'{{{{.Label "{ENVIRONMENT_LABEL}"}}}}'
_LISTINGS = (
    ["docker", "ps", "--all", "--no-trunc", "--format", f"{_LABEL} {{{{.Names}}}} {{{{.ID}}}}"],
    ["docker", "network", "ls", "--no-trunc", "--format", f"{_LABEL} {{{{.Name}}}} {{{{.ID}}}}"],
    ["docker", "volume", "ls", "--format", f"{_LABEL} {{{{.Name}}}}"],
)


def what_a_wrong_input_could_touch() -> set[str]:
    """The containers, networks and volumes of environment test and of the unknown one.

    Whoever else uses this engine may start and remove what they like. That devlocal and ci stay as they are is checked by suite survival.
    """
    lines = [line for listing in _LISTINGS for line in subprocess.check_output(listing, text=True).splitlines()]
    return {line for line in lines if line.partition(" ")[0] in _WATCHED or _WATCHED_NAME.search(line)}


@pytest.fixture
def nothing_changes() -> Iterator[None]:
    before = what_a_wrong_input_could_touch()
    yield
    assert what_a_wrong_input_could_touch() == before


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
        [sys.executable, "-m", "ansible", "playbook", "-i", str(inventory_of(tmp_path, UNKNOWN)), f"playbooks/{playbook}.yml"],
        cwd=CHECKOUT,
        env=os.environ | {"ANSIBLE_NOCOLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert f"unknown environment '{UNKNOWN}' - choose one of devlocal, ci, test" in done.stdout + done.stderr
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
