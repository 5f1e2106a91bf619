"""Fixtures for every suite that needs the whole system: environment test, set up once and left to tests/run.py to remove."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.environment import locks
from ansible_collections.echobase.platform.plugins.module_utils.environment.database_places import ENGINES
from ansible_collections.echobase.platform.plugins.module_utils.environment.ledger import Ledger
from ansible_collections.echobase.platform.plugins.module_utils.environment.release_history import ReleaseHistory
from harness.environment_under_test import TEST, PlaybookRun, run_playbook
from harness.module_runner import run_module

# Modules and playbooks that tests start have it, too.
os.environ[locks.STRICT] = "1"


@dataclass(frozen=True)
class DeployedEnvironment:
    """Environment test, set up by the playbooks; at least one colour serves."""

    base_url: str = f"https://localhost:{TEST.edge_port}"
    ca_file: str = TEST.path("tls", "ca.crt")

    def run(self, playbook: str, *arguments: str) -> PlaybookRun:
        return run_playbook(playbook, *arguments)

    def promote(self) -> PlaybookRun:
        return self.run("promote")

    def rollback(self) -> PlaybookRun:
        return self.run("rollback")

    def sql(self, statement: str) -> list[list[str]]:
        """Rows of the durable database itself, past every layer that could hide something."""
        password = Path(TEST.path("secrets", "db", "root_password")).read_text().strip()
        done = subprocess.run(
            ["docker", "exec", "-i", "-e", "MYSQL_PWD", TEST.server("mariadb").container, "mariadb", "-uroot", "-N", "-B", TEST.database],
            input=statement,
            env={"MYSQL_PWD": password, "PATH": "/usr/local/bin:/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=True,
        )
        return [line.split("\t") for line in done.stdout.splitlines()]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests of several engines: some need only one, since a second engine would prove nothing more; of some the second one takes long."""
    for item in items:
        mark = item.get_closest_marker("long_on")
        if mark and hasattr(item, "callspec") and set(mark.args) & {str(value) for value in item.callspec.params.values()}:
            item.add_marker("long")
    left_out = [item for item in items if _is_for_another_engine(item)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def _is_for_another_engine(item: pytest.Item) -> bool:
    mark = item.get_closest_marker("engines")
    engines = {value for value in item.callspec.params.values() if value in list(ENGINES)} if mark else set()  # type: ignore[attr-defined]
    return bool(mark and engines and not engines & set(mark.args))


@pytest.fixture(scope="session")
def deployed_environment() -> DeployedEnvironment:
    run_playbook("setup")
    return DeployedEnvironment()


@pytest.fixture
def both_colours(deployed_environment: DeployedEnvironment) -> DeployedEnvironment:
    """Blue serves, green is deployed beside it."""
    traffic = run_module("bluegreen_info", {"environment": "test"})
    if traffic["live"] != ["blue"]:
        run_playbook("deploy_blue")
        run_playbook("promote")
    # Deploying what is there takes seconds, and most tests leave it there.
    candidate = ReleaseHistory(Ledger(Path(TEST.path("ledger.jsonl"))).entries(), ["blue"]).candidate
    if candidate != "green" or not traffic["colours"]["green"]["ready"]:
        run_playbook("deploy_green")
    return deployed_environment
