"""What a database of an older major version must do as well: of the conformance suite, what depends on the server's own version."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from docker import DockerClient

from ansible_collections.echobase.platform.plugins.module_utils.engines.registry import engines
from harness.database_conformance import DatabaseConformance
from harness.database_under_test import DatabaseUnderTest, succeeded
from integration.durable.test_durable_db import TestInAContainer as InAContainer
from integration.durable.test_durable_db import engine, networks

pytestmark = pytest.mark.long

__all__ = ["engine", "networks"]

_OLDER = [(engine.name, major) for engine in engines() for major in engine.images if major != engine.newest_major]


@pytest.fixture(scope="module", params=_OLDER, ids="-".join)
def running(tmp_path_factory: pytest.TempPathFactory, engine: DockerClient, request: pytest.FixtureRequest) -> Iterator[DatabaseUnderTest]:
    database = DatabaseUnderTest(tmp_path_factory.mktemp("home"), engine, *request.param)
    database.prepare()
    try:
        succeeded(database.ensure())
        yield database
    finally:
        database.remove()


class TestAnOlderMajor:
    test_a_running_one_is_reported = DatabaseConformance.test_a_running_one_is_reported
    test_everything_about_it_is_told = DatabaseConformance.test_everything_about_it_is_told
    test_an_unencrypted_login_is_refused = DatabaseConformance.test_an_unencrypted_login_is_refused
    test_nobody_is_root_over_the_network = DatabaseConformance.test_nobody_is_root_over_the_network
    test_sudden_deaths_lose_no_acknowledged_row = DatabaseConformance.test_sudden_deaths_lose_no_acknowledged_row
    test_it_is_encrypted_as_far_as_it_was_asked_for = InAContainer.test_it_is_encrypted_as_far_as_it_was_asked_for
