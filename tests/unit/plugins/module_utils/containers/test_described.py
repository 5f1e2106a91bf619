from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.containers.compose import PLACEHOLDER
from ansible_collections.echobase.platform.plugins.module_utils.containers.described import DescribedContainers, health_in

NAME = "echobase-test-desk"
TEXT = f"services: {{desk: {{labels: {{io.echobase.configuration: {PLACEHOLDER}}}}}}}\n"


class Scene:
    """An engine with at most one container, and a Compose that makes it as the file says."""

    def __init__(self, folder: Path, text: str = TEXT, *, waits: bool = True) -> None:
        self.path = folder / "compose" / "desk.yml"
        self.ups = 0
        self.found: list[dict[str, Any]] = []
        docker = SimpleNamespace(api=SimpleNamespace(containers=lambda **_: self.found))
        file = SimpleNamespace(path=str(self.path), up_and_wait=self._up, up_all=self._up_all)
        self.described = DescribedContainers(docker, "test", file, text, [NAME], waits=waits)  # type: ignore[arg-type]

    def ensure(self, check: bool = False) -> list[str]:
        outcome = self.described.ensure(seconds=5, check=check)
        assert outcome.changed is bool(outcome.facts["steps"])
        steps: list[str] = outcome.facts["steps"]
        return steps

    def _up_all(self) -> None:
        self._up(5)
        self.found[0]["Status"] = "Up 1 second (health: starting)"

    def _up(self, seconds: int) -> None:
        assert seconds == 5
        self.ups += 1
        digest = self.path.read_text().partition("io.echobase.configuration: ")[2].rstrip("}\n")
        self.found = [summary(digest)]


def summary(digest: str, state: str = "running", status: str = "Up 3 minutes (healthy)", environment: str = "test") -> dict[str, Any]:
    labels = {"io.echobase.environment": environment, "io.echobase.configuration": digest}
    return {"Names": [f"/{NAME}"], "State": state, "Status": status, "Labels": labels}


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """All is there and runs."""
    scene = Scene(tmp_path)
    assert scene.ensure() == ["write desk.yml", f"make {NAME}"]
    scene.ups = 0
    return scene


def test_the_label_is_a_digest_of_the_file(tmp_path: Path, scene: Scene) -> None:
    assert PLACEHOLDER not in scene.path.read_text()
    other = Scene(tmp_path / "other", TEXT + "# Another comment.\n")
    other.ensure()
    assert other.found[0]["Labels"] != scene.found[0]["Labels"]


def test_what_runs_as_described_is_left_alone(scene: Scene) -> None:
    assert scene.ensure() == []
    assert scene.ups == 0


def test_drift_is_told_and_mended(scene: Scene) -> None:
    made = scene.found[0]
    for drift, step in (
        ([], f"make {NAME}"),
        ([made | {"State": "exited", "Status": "Exited (137) 2 minutes ago"}], f"start {NAME}"),
        ([summary("of another file")], f"make {NAME} anew"),
    ):
        scene.found = drift
        assert scene.ensure(check=True) == [step]
        assert scene.found == drift
        assert scene.ensure() == [step]
        assert scene.ensure() == []
    assert scene.ups == 3


def test_a_file_that_others_could_read_is_closed_again(scene: Scene) -> None:
    scene.path.chmod(0o644)
    assert scene.ensure() == ["write desk.yml"]
    assert f"{scene.path.stat().st_mode & 0o7777:o}" == "600"


def test_what_is_not_healthy_yet_is_waited_for_and_is_no_change(scene: Scene) -> None:
    scene.found[0]["Status"] = "Up 1 second (health: starting)"
    assert scene.ensure(check=True) == []
    assert scene.ups == 0
    assert scene.ensure() == []
    assert scene.ups == 1


def test_nobody_waits_where_the_caller_asks_the_containers_itself(tmp_path: Path) -> None:
    scene = Scene(tmp_path, waits=False)
    assert scene.ensure() == ["write desk.yml", f"make {NAME}"]
    assert scene.ensure() == []
    assert scene.ups == 1


def test_a_prediction_writes_nothing(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    assert scene.ensure(check=True) == ["write desk.yml", f"make {NAME}"]
    assert list(tmp_path.iterdir()) == []


def test_a_container_of_somebody_else_is_left_alone(scene: Scene) -> None:
    scene.found = [summary("of another file", environment="staging")]
    with pytest.raises(Refusal, match="belongs to environment staging: left alone"):
        scene.ensure()
    assert scene.ups == 0


@pytest.mark.parametrize(
    ("status", "health"),
    [
        ("Up 3 minutes (healthy)", "healthy"),
        ("Up 2 seconds (health: starting)", "starting"),
        ("Up About an hour (unhealthy)", "unhealthy"),
        ("Up 3 minutes", "none"),
        ("Exited (137) 2 minutes ago", "none"),
    ],
)
def test_health_is_read_from_the_engines_phrase(status: str, health: str) -> None:
    assert health_in(status) == health
