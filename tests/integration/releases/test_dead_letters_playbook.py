"""Playbook dead_letters: what it asks the live colour's job for, what it says and records, and what it refuses. The job is a stand-in."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.edges_under_test import EdgesUnderTest
from harness.images_under_test import image_tag

LETTER, OTHER = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
PROJECT = "zz-dead-letters"
# Writes down what it is asked, and says what it was told to say.
JOB = 'echo "$@" >> /state/asked; echo "a line before the answer"; cat /state/$1'


@dataclass
class Scene:
    edges: EdgesUnderTest
    state: Path

    def says(self, action: str, **answer: object) -> None:
        (self.state / action).write_text(json.dumps(answer) + "\n")

    def run(self, *arguments: str, **variables: object) -> tuple[int, str]:
        (self.state / "asked").write_text("")
        named = {f"dead_letters_{name}": value for name, value in variables.items()}
        return self.edges.run("dead_letters", "-e", json.dumps(named), *arguments)

    @property
    def asked(self) -> list[str]:
        return (self.state / "asked").read_text().splitlines()


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    edges = EdgesUnderTest(tmp_path_factory.mktemp("letters"), ["north"], "127.83")
    state = edges.folder / "state"
    state.mkdir()
    compose = Path(edges.env.path("compose", "blue.yml"))
    compose.parent.mkdir()
    service = {"image": image_tag("base"), "entrypoint": ["sh", "-c", JOB, "job"], "network_mode": "none", "volumes": [f"{state}:/state"]}
    compose.write_text(json.dumps({"name": PROJECT, "services": {"blue-dead-letters": {**service, "profiles": ["jobs"]}}}))
    scene = Scene(edges, state)
    scene.says("list", count=1, letters=[{"id": LETTER, "kind": "order"}])
    try:
        yield scene
    finally:
        subprocess.run(["docker", "compose", "-p", PROJECT, "-f", compose, "--profile", "jobs", "down"], capture_output=True, check=False)


def test_letters_are_replayed_and_that_is_recorded(scene: Scene) -> None:
    code, output = scene.run()
    assert (code, scene.asked) == (0, ["list"]), output
    assert LETTER in output and "changed=0" in output

    # In check mode whatever is asked for only shows them.
    code, output = scene.run("--check", action="replay", id=LETTER)
    assert (code, scene.asked) == (0, ["list"]), output
    assert LETTER in output and "changed=0" in output

    scene.says("replay", replayed=[LETTER], absent=[OTHER], left=0)
    code, output = scene.run(action="replay", id=f"{LETTER}, {OTHER}")
    assert (code, scene.asked) == (0, ["list", f"replay --id {LETTER} --id {OTHER}"]), output
    assert scene.edges.events == [("replayed", "blue")]

    scene.says("replay", replayed=[], absent=[LETTER], left=0)
    code, output = scene.run(action="replay", id=LETTER)
    assert code == 0 and "changed=0" in output, output
    assert scene.edges.events == [("replayed", "blue")]


def test_all_are_discarded_with_their_number(scene: Scene) -> None:
    scene.says("discard", discarded=[LETTER], absent=[], left=0)
    code, output = scene.run(action="discard", id="all", count=1)
    assert (code, scene.asked) == (0, ["list", "discard --all --count 1"]), output
    assert scene.edges.events[-1] == ("discarded", "blue")


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"action": "burn"}, "unknown action 'burn' - choose list, replay or discard"),
        ({"action": "replay"}, "nothing is named to replay - add -e dead_letters_id=<id>, or all"),
        ({"action": "discard", "id": "all"}, "all are discarded only by who says how many there are"),
    ],
)
@pytest.mark.long
def test_misuse_is_one_line_and_asks_for_nothing(scene: Scene, variables: dict[str, object], message: str) -> None:
    code, output = scene.run(**variables)
    assert code != 0
    assert message in output
    assert scene.asked == []
