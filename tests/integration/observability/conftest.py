from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.observability_under_test import ObservabilityUnderTest


@pytest.fixture(scope="session")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObservabilityUnderTest]:
    """Everything that watches environment test, set up once for all tests."""
    under_test = ObservabilityUnderTest(tmp_path_factory.mktemp("observability"))
    try:
        run = under_test.run(role="networks")
        assert not run.failed, run.output
        run = under_test.run()
        assert not run.failed, run.output
        yield under_test
    finally:
        under_test.remove()
