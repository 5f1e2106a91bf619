"""The promises of the playbooks: a second run changes nothing, a prediction writes nothing, the data outlive everything."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import docker
import pytest
from conftest import DeployedEnvironment

from harness.environment_under_test import CHECKOUT, TEST, kept_files, run_playbook, try_playbook

TASK_BUDGET = 37


def fingerprint() -> dict[str, str]:
    """Every container and every file of environment test, logs and sessions aside."""
    seen = {}
    for container in docker.from_env().containers.list(all=True, filters={"label": "com.docker.compose.project"}):
        if container.labels["com.docker.compose.project"] in (TEST.durable_project, *(c.project for c in TEST.colours.values())):
            seen[container.name] = f"{container.id} {container.attrs['State']['StartedAt']}"
    for file in kept_files(TEST):
        if file.is_symlink():
            seen[str(file)] = str(file.readlink())
        elif file.is_file():
            seen[str(file)] = hashlib.sha256(file.read_bytes()).hexdigest()
    return seen


def orders(environment: DeployedEnvironment) -> int:
    return int(environment.sql("SELECT COUNT(*) FROM orders")[0][0])


def test_a_second_setup_changes_nothing_and_is_short(deployed_environment: DeployedEnvironment) -> None:
    again = deployed_environment.run("setup")
    assert again.changed == 0
    assert again.executed <= TASK_BUDGET


def test_a_second_run_of_each_step_changes_nothing(both_colours: DeployedEnvironment) -> None:
    for playbook in ("deploy_green", "promote", "rollback", "cleanup"):
        both_colours.run(playbook)
        assert both_colours.run(playbook).changed == 0, playbook


@pytest.mark.parametrize(
    "playbook",
    ["deploy", "promote", *(pytest.param(name, marks=pytest.mark.long) for name in ("setup", "refresh_images", "cleanup", "teardown"))],
)
def test_check_mode_writes_nothing(both_colours: DeployedEnvironment, playbook: str) -> None:
    before = fingerprint()
    both_colours.run(playbook, "--check", "--diff")
    assert fingerprint() == before


def test_check_mode_predicts_what_a_promotion_changes(both_colours: DeployedEnvironment) -> None:
    predicted = both_colours.run("promote", "--check", "--diff").changed
    assert both_colours.promote().changed == predicted > 0


def test_a_live_colour_is_not_deployed_over(both_colours: DeployedEnvironment) -> None:
    refused = try_playbook("deploy_blue")
    assert refused.code != 0
    assert refused.changed == 0
    assert "blue is live - deploy to the other colour" in refused.output


@pytest.mark.long
def test_a_candidate_that_never_gets_ready_leaves_everything_else_alone(both_colours: DeployedEnvironment) -> None:
    both_colours.run("cleanup")
    before = fingerprint()
    # The failed run leaves them behind, and the next one takes over.
    for remembered in ("lease.json", "metrics/lease.json", "routes/fencing"):
        before.pop(TEST.path(remembered), None)
    failed = try_playbook("deploy_green", "-e", "app_stack_memory=70m", "-e", "app_stack_ready_seconds=40")
    assert failed.code != 0
    verdict = next(line for line in failed.output.splitlines() if "green did not get ready" in line)
    assert "echobase-test-green-" in verdict
    assert "its last lines:" in failed.output
    after = fingerprint()
    assert {name: after.get(name) for name in before} == before
    both_colours.run("cleanup")


def test_a_second_clone_carries_on(deployed_environment: DeployedEnvironment, tmp_path: Path) -> None:
    subprocess.run(["git", "clone", "--quiet", str(CHECKOUT), str(tmp_path / "clone")], check=True)
    before = orders(deployed_environment)
    elsewhere = run_playbook("setup", checkout=tmp_path / "clone")
    assert elsewhere.changed == 0
    assert orders(deployed_environment) == before


def test_teardown_keeps_the_data_and_setup_finds_them(deployed_environment: DeployedEnvironment) -> None:
    before = orders(deployed_environment)
    deployed_environment.run("teardown")
    names = [container.name for container in docker.from_env().containers.list(all=True)]
    assert not [name for name in names if name.startswith("echobase-test-")]
    assert docker.from_env().volumes.get(TEST.server("mariadb").volume)
    assert docker.from_env().volumes.get(TEST.cache.volume)
    deployed_environment.run("setup")
    # The new first release is proved with one order of its own.
    assert orders(deployed_environment) == before + 1
