"""A program is compiled once a machine, in a container that leaves nothing behind, and an image has it as a file."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
import yaml

from ansible_collections.echobase.platform.plugins.module_utils.images.compiler import COMPILES_LABEL
from ansible_collections.echobase.platform.plugins.module_utils.images.programs import ProgramCache
from harness.module_runner import CHECKOUT, RunningModule
from harness.waiting import eventually

NAME = "zz-images-program"
SOURCE = 'package main\n\nfunc main() { println("hello") }\n'


class Repository:
    """One image with a program that needs no module, and the collection's own base and compiler."""

    def __init__(self, root: Path) -> None:
        self.catalogue = root / "images/catalogue.yml"
        self.cache = ProgramCache(root / "programs")
        self.progress = root / "progress"
        self.progress.touch()
        entries = yaml.safe_load((CHECKOUT / "images/catalogue.yml").read_text())["images"]
        for name in ("base", "golang"):
            shutil.copytree(CHECKOUT / f"images/{name}", root / f"images/{name}")
        self.source = root / "images/hello/main.go"
        self.source.parent.mkdir()
        self.source.write_text(SOURCE)
        (self.source.parent / "go.mod").write_text("module example.com/hello\n\ngo 1.26\n")
        (root / "images/image").mkdir()
        (root / "images/image/Dockerfile").write_text('FROM scratch\nCOPY compiled /hello\nENTRYPOINT ["/hello"]\n')
        program = {"source": "images/hello", "package": ".", "compiler": "golang"}
        image = {"context": {"images/image": "."}, "program": program}
        self.catalogue.write_text(yaml.safe_dump({"images": {"base": entries["base"], "golang": entries["golang"], NAME: image}}))

    def start(self, state: str = "present", check: bool = False) -> RunningModule:
        options = {"names": [NAME], "catalogue": str(self.catalogue), "programs": str(self.cache.folder), "state": state}
        return RunningModule("images", options | {"progress": str(self.progress)}, check=check)

    def run(self, state: str = "present", check: bool = False) -> dict[str, Any]:
        answer = self.start(state, check).answer()
        assert not answer.get("failed"), answer
        return answer

    @property
    def programs(self) -> list[Path]:
        return [path for path in self.cache.folder.rglob("*") if path.is_file() and path != self.cache.lock]

    def containers(self) -> list[Any]:
        label = f"{COMPILES_LABEL}={self.cache.identity}"
        return list(docker.from_env().containers.list(all=True, filters={"label": label}))

    def volumes(self) -> list[Any]:
        return list(docker.from_env().volumes.list(filters={"name": f"echobase-compiling-{self.cache.identity}"}))

    def leftovers(self) -> list[Any]:
        return [*self.containers(), *self.volumes()]


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Repository]:
    made = Repository(tmp_path)
    yield made
    made.run(state="absent")
    for container in made.containers():
        container.remove(force=True)
    for volume in made.volumes():
        volume.remove()


def test_a_run_that_was_killed_leaves_nothing_half_and_the_next_one_finishes(repository: Repository) -> None:
    assert repository.run(check=True)["built"][-1] == NAME
    assert not repository.cache.folder.exists()

    killed = repository.start()
    (container,) = eventually(repository.containers, "the program is being compiled", interval=0.02)
    killed.process.kill()
    killed.process.communicate()
    assert repository.programs == []

    first = repository.run()
    assert (first["changed"], first["built"][-1]) == (True, NAME)
    assert docker.from_env().containers.run(first["tags"][NAME], stderr=True, remove=True) == b"hello\n"
    assert container.id not in [found.id for found in repository.containers()]
    assert repository.leftovers() == []
    assert f"compiling {NAME} (" in repository.progress.read_text()

    # The image goes, the program stays: nothing is compiled to have the image again.
    repository.run(state="absent")
    repository.progress.write_text("")
    assert repository.run()["built"] == [NAME]
    assert "compiling" not in repository.progress.read_text()
    assert not repository.run()["changed"]


@pytest.mark.long
def test_compiled_from_nothing_again_it_is_the_same_to_the_byte(repository: Repository) -> None:
    tags = repository.run()["tags"]
    (program,) = repository.programs
    digest = hashlib.sha256(program.read_bytes()).hexdigest()
    repository.run(state="absent")
    shutil.rmtree(repository.cache.folder)
    assert repository.run()["tags"] == tags
    assert hashlib.sha256(program.read_bytes()).hexdigest() == digest


def test_what_cannot_be_compiled_is_told_with_the_compilers_words(repository: Repository) -> None:
    repository.source.write_text('package main\n\nimport "example.com/nowhere"\n\nfunc main() { nowhere.Go() }\n')
    answer = repository.start().answer()
    assert answer["failed"]
    assert f"program {NAME} could not be compiled" in answer["msg"]
    assert "main.go:3:8: cannot find module" in answer["msg"]
    assert repository.programs == []
    assert repository.containers() == []
