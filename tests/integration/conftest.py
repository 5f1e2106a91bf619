"""Two workers share the suite; what must not meet is in one group and so runs one after the other."""

from __future__ import annotations

import pytest

# Names and volumes of environment test.
_DURABLE = ("test_durable_db", "test_networks", "test_secrets", "test_certificates")
_TRAFFIC = ("test_bluegreen_switch", "test_edge_role", "test_edge")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        file = item.path.stem
        group = "durable" if file in _DURABLE else "traffic" if file in _TRAFFIC else file
        item.add_marker(pytest.mark.xdist_group(group))
