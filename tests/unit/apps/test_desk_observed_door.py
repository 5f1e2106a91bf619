from __future__ import annotations

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from operators_desk.observed_door import ObservedDoor

OBSERVED, OWN = "10.1.6.10", "10.1.1.10"
PATHS = ["/metrics", "/health", "/login", "/check/session", "/preview/blue", "/metrics/"]


def desk() -> FastAPI:
    app = FastAPI()

    @app.get("/{path:path}")
    def anything(path: str) -> str:
        return path

    app.add_middleware(ObservedDoor, address=OBSERVED)
    return app


@pytest.mark.parametrize("path", PATHS)
def test_whoever_watches_gets_metrics_and_health_only(path: str) -> None:
    asked = TestClient(desk(), base_url=f"https://{OBSERVED}:8443").get(path, follow_redirects=False)
    assert asked.status_code == (200 if path in ("/metrics", "/health") else 404)


@pytest.mark.parametrize("path", PATHS)
def test_the_edge_gets_everything(path: str) -> None:
    assert TestClient(desk(), base_url=f"https://{OWN}:8443").get(path).status_code == 200
