"""Fixtures for every suite that needs the whole system: environment test, set up once and left to tests/run.py to remove."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
from environment_under_test import TEST, delete_environment, run_playbook


@dataclass(frozen=True)
class DeployedEnvironment:
    """Blue and green are both deployed; blue serves."""

    base_url: str = f"https://localhost:{TEST.edge_port}"
    ca_file: str = TEST.path("tls", "ca.crt")
    promote: Callable[[], object] = field(default=partial(run_playbook, "promote"))
    rollback: Callable[[], object] = field(default=partial(run_playbook, "rollback"))

    def sql(self, statement: str) -> list[list[str]]:
        """Rows of the durable database itself, past every layer that could hide something."""
        password = Path(TEST.path("secrets", "db", "root_password")).read_text().strip()
        done = subprocess.run(
            ["docker", "exec", "-i", "-e", "MYSQL_PWD", TEST.mariadb_container, "mariadb", "-uroot", "-N", "-B", TEST.database],
            input=statement,
            env={"MYSQL_PWD": password, "PATH": "/usr/local/bin:/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=True,
        )
        return [line.split("\t") for line in done.stdout.splitlines()]


@pytest.fixture(scope="session")
def deployed_environment() -> DeployedEnvironment:
    run_playbook("setup")
    return DeployedEnvironment()


@pytest.fixture
def both_colours(deployed_environment: DeployedEnvironment) -> DeployedEnvironment:
    """Blue serves, green is deployed beside it."""
    run_playbook("rollback", "-e", "rollback_colour=blue")
    run_playbook("deploy_green")
    return deployed_environment


@pytest.fixture
def no_environment() -> None:
    """Nothing of environment test is there, no data either."""
    delete_environment()
