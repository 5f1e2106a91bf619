"""What the load tests share: certificates, an nginx, and a place for the results of a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.images_under_test import image_tag
from harness.throwaway_tls import make_certificates
from run_results import Results


@pytest.fixture(scope="session")
def nginx_image() -> str:
    return image_tag("nginx")


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`ca.crt` and folders `edge`, `blue` and `green` with certificates of it."""
    folder = tmp_path_factory.mktemp("tls")
    make_certificates(folder, ["blue.echobase.internal", "green.echobase.internal"])
    return folder


@pytest.fixture
def results(request: pytest.FixtureRequest) -> Results:
    return Results(request.node.name)
