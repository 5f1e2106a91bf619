"""A server from before its log was labelled: it is left as it runs, the difference is shown, and a permission brings the label."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.containers.client import LOGGING
from ansible_collections.echobase.platform.plugins.module_utils.database import server_definition
from harness.durable_server import DurableServer, durable_server

pytestmark = pytest.mark.long

BEFORE: dict[str, Any] = {"driver": "json-file", "options": {"max-size": "10m", "max-file": "3"}}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DurableServer]:
    with (
        durable_server("postgresql", tmp_path_factory.mktemp("label"), "zz-log-label", 47) as made,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(server_definition, "LOGGING", BEFORE)
        assert made.ensure().changed
        patch.undo()
        yield made


def container(server: DurableServer) -> dict[str, Any]:
    found: dict[str, Any] = server.docker.api.inspect_container(server.names.container)
    return found


def test_it_is_left_as_it_runs_and_the_difference_is_shown(server: DurableServer) -> None:
    before = container(server)
    assert "labels" not in before["HostConfig"]["LogConfig"]["Config"]
    outcome = server.ensure()
    assert not outcome.changed
    [drift] = outcome.facts["drift"]
    assert drift.startswith("logging.options.labels: ") and "io.echobase.environment" in drift
    assert "was left as it is (logging.options.labels" in outcome.warnings[0] and "durable_db_recreate=always" in outcome.warnings[0]
    after = container(server)
    assert (after["Id"], after["State"]["StartedAt"]) == (before["Id"], before["State"]["StartedAt"])


def test_permission_brings_the_label_and_the_next_run_changes_nothing(server: DurableServer) -> None:
    outcome = server.ensure(recreate="always")
    assert outcome.facts["steps"] == ["write configuration", "recreate server", "await login"]
    assert container(server)["HostConfig"]["LogConfig"]["Config"]["labels"] == LOGGING["options"]["labels"]
    again = server.ensure()
    assert (again.changed, again.warnings, again.facts["drift"]) == (False, [], [])
