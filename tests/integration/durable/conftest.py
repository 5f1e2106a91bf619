from __future__ import annotations

from collections.abc import Iterator

import pytest
from docker import DockerClient


@pytest.fixture(scope="module")
def engine_client() -> Iterator[DockerClient]:
    """The container engine; it may take minutes to answer while several tests fill its disk."""
    client = DockerClient.from_env(timeout=600)
    yield client
    client.close()
