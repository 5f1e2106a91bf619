"""Two workers share the suite; what must not meet is in one group and so runs one after the other."""

from __future__ import annotations

import docker
import pytest

from environment_under_test import delete_environment

# Names and volumes of environment test.
_DURABLE = ("test_durable_db", "test_networks", "test_secrets", "test_certificates")
_TRAFFIC = ("test_bluegreen_switch", "test_edge_role", "test_edge")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        file = item.path.stem
        group = "durable" if file in _DURABLE else "traffic" if file in _TRAFFIC else file
        item.add_marker(pytest.mark.xdist_group(group))


def pytest_sessionstart(session: pytest.Session) -> None:
    """These tests use the names of environment test: nothing may be deployed under them. Asked once, before the workers start."""
    if hasattr(session.config, "workerinput") or session.config.option.collectonly:
        return
    if docker.from_env().api.containers(all=True, filters={"label": "io.echobase.environment=test"}):
        delete_environment()
