"""Images are built by the real engine, known by their content, and removed with all that was made on the way."""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import docker
import pytest
import yaml

from ansible_collections.echobase.platform.plugins.module_utils.base.progress import Progress
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import environment
from ansible_collections.echobase.platform.plugins.module_utils.images.age import ImageAge, ages_of_images
from ansible_collections.echobase.platform.plugins.module_utils.images.builder import ImageBuilder
from ansible_collections.echobase.platform.plugins.module_utils.images.catalogue import ImageCatalogue
from ansible_collections.echobase.platform.plugins.module_utils.images.context import BuildContext
from ansible_collections.echobase.platform.plugins.module_utils.images.programs import ProgramCache
from harness.module_runner import CHECKOUT, RunningModule, run_module

NAMES = ["zz-images-parent", "zz-images-child"]


class Workshop:
    """A small repository of its own: two images on the collection's own base."""

    def __init__(self, root: Path) -> None:
        self.root = root
        shutil.copytree(CHECKOUT / "images/base", root / "images/base")
        self.write("images/parent/Dockerfile", "ARG BASE\nFROM ${BASE}\nCOPY greeting host-ca.crt /\n")
        self.write("images/parent/greeting", "hello\n")
        self.write("images/child/Dockerfile", "ARG BASE\nFROM ${BASE}\nRUN cat /greeting > /copied\nCOPY shared /shared\n")
        self.write("apps/shared/text", "one\n")
        parent: dict[str, Any] = {"context": {"images/parent": "."}, "parents": {"BASE": "base"}}
        child = {"context": {"images/child": ".", "apps/shared": "shared"}, "parents": {"BASE": NAMES[0]}}
        catalogue = {
            "images": {"base": {"bootstrap": "images/base/rootfs"}, NAMES[0]: parent, NAMES[1]: child},
        }
        self.write("images/catalogue.yml", yaml.safe_dump(catalogue))

    def write(self, path: str, content: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)

    def options(self, **options: Any) -> dict[str, Any]:
        return {"names": NAMES, "catalogue": str(self.root / "images/catalogue.yml"), **options}

    def run(self, check: bool = False, **options: Any) -> dict[str, Any]:
        return run_module("images", self.options(**options), check=check)


def tags_on_engine() -> set[str]:
    return {tag for image in docker.from_env().images.list() for tag in image.tags if "/zz-images-" in tag}


@pytest.fixture
def workshop(tmp_path: Path) -> Iterator[Workshop]:
    made = Workshop(tmp_path)
    made.run(state="absent")
    yield made
    made.run(state="absent")
    assert not tags_on_engine()


def test_built_once_and_again_only_when_something_changed(workshop: Workshop) -> None:
    predicted = workshop.run(check=True)
    assert predicted["changed"]
    assert predicted["built"][-2:] == NAMES
    assert not tags_on_engine()

    first = workshop.run()
    assert first["changed"]
    assert first["tags"] == predicted["tags"]
    assert first["diff"]["after"] == "".join(f"{tag}\n" for tag in sorted(first["tags"].values()))
    assert tags_on_engine() == set(first["tags"].values())
    output = docker.from_env().containers.run(first["tags"][NAMES[1]], ["cat", "/copied", "/shared/text"], remove=True)
    assert output == b"hello\none\n"

    again = workshop.run()
    assert not again["changed"]
    assert again["built"] == []
    assert not workshop.run(check=True)["changed"]

    workshop.write("apps/shared/text", "two\n")
    assert workshop.run()["built"] == [NAMES[1]]
    workshop.write("images/parent/greeting", "good morning\n")
    changed = workshop.run()
    assert changed["built"] == NAMES
    output = docker.from_env().containers.run(changed["tags"][NAMES[1]], ["cat", "/copied", "/shared/text"], remove=True)
    assert output == b"good morning\ntwo\n"


@pytest.mark.long
def test_a_refresh_builds_anew_and_is_remembered(workshop: Workshop, tmp_path: Path) -> None:
    """On images without a base, since making one takes as long as all other tests of this file."""
    for name in ("parent", "child"):
        workshop.write(f"images/{name}/Dockerfile", "FROM scratch\nCOPY . /\n")
    catalogue = {"images": {NAMES[0]: {"context": {"images/parent": "."}}, NAMES[1]: {"context": {"images/child": "."}}}}
    workshop.write("images/catalogue.yml", yaml.safe_dump(catalogue))
    here = {"home": str(tmp_path / "home"), "environment": "test"}
    remembered = tmp_path / "home/test/images-refresh"
    first = workshop.run(**here)
    assert first["refresh"] == ""
    assert first["tags"] == workshop.run()["tags"]

    predicted = workshop.run(**here, refresh="2026-11-27", check=True)
    assert sorted(predicted["built"]) == sorted(NAMES)
    assert not remembered.exists()
    refreshed = workshop.run(**here, refresh="2026-11-27")
    assert refreshed["diff"] == predicted["diff"]
    assert refreshed["diff"]["after"].startswith("packages as of: 2026-11-27\n")
    assert sorted(refreshed["built"]) == sorted(NAMES)
    assert remembered.read_text() == "2026-11-27\n"

    # The next plain run does not go back, and another environment does not come along.
    again = workshop.run(**here)
    assert not again["changed"]
    assert (again["tags"], again["refresh"]) == (refreshed["tags"], "2026-11-27")
    assert workshop.run(**here | {"environment": "ci"})["tags"] == first["tags"]

    # What could not be built is not remembered.
    workshop.write("images/child/Dockerfile", "FROM scratch\nCOPY /nowhere /\n")
    assert workshop.run(**here, refresh="2026-12-01")["failed"]
    assert remembered.read_text() == "2026-11-27\n"
    workshop.write("images/child/Dockerfile", "FROM scratch\nCOPY . /\n")

    back = workshop.run(**here, refresh="none")
    assert back["changed"]
    assert (back["built"], back["tags"]) == ([], first["tags"])
    assert not remembered.exists()
    assert not workshop.run(**here, refresh="none")["changed"]
    assert workshop.run(**here, refresh="yesterday")["msg"].startswith("images_refresh 'yesterday' is no day - ")


class TinyBase:
    """Instead of a distribution, one file."""

    def make(self, overlay: BuildContext, folder: Path, say: Callable[[str], None]) -> Path:
        with tarfile.open(folder / "base.tar", "w") as archive:
            overlay.add_to(archive)
        return folder / "base.tar"


def test_images_say_how_old_their_packages_are(workshop: Workshop, tmp_path: Path) -> None:
    workshop.write("images/child/Dockerfile", "ARG BASE\nFROM ${BASE}\nCOPY shared /shared\n")
    entries = yaml.safe_load((tmp_path / "images/catalogue.yml").read_text())["images"]
    entries[NAMES[0]] = {"bootstrap": "images/base/rootfs"}
    workshop.write("images/catalogue.yml", yaml.safe_dump({"images": entries}))
    catalogue = ImageCatalogue.load(tmp_path / "images/catalogue.yml", "tiny")
    client = docker.from_env()
    builder = ImageBuilder(
        catalogue=catalogue,
        base=TinyBase(),  # type: ignore[arg-type]
        connect=lambda _: client,
        progress=Progress(""),
        lock=tmp_path / "lock",
        programs=ProgramCache(tmp_path / "programs"),
    )
    # Of a run that was killed while it made a base.
    (tmp_path / f".making-{NAMES[0]}/chroot").mkdir(parents=True)
    builder.build(NAMES)
    tag = catalogue.tag(NAMES[1])
    assert not list(tmp_path.glob(".making-*"))
    env = replace(environment("test"), durable_project="zz-images")
    labels = {"com.docker.compose.project": env.durable_project}
    container = client.containers.create(tag, ["true"], name="zz-images-user", labels=labels)
    try:
        today = datetime.now(UTC).date()
        assert client.images.get(tag).labels["io.echobase.base-built"] == str(today)
        assert ImageAge(today, NAMES[1]) in ages_of_images(client, env)
    finally:
        container.remove()


def test_a_failed_build_names_image_step_and_log(workshop: Workshop) -> None:
    workshop.write("images/child/Dockerfile", "ARG BASE\nFROM ${BASE}\nRUN echo about to fail && cat /nowhere\n")
    answer = workshop.run()
    assert answer["failed"]
    assert "image zz-images-child could not be built at Step 3/" in answer["msg"]
    assert "about to fail" in answer["msg"]
    assert "/nowhere: No such file or directory" in answer["msg"]
    assert "images/child" in answer["remedy"]
    # What was finished is kept: the next attempt starts from there.
    workshop.write("images/child/Dockerfile", "ARG BASE\nFROM ${BASE}\n")
    assert workshop.run()["built"] == [NAMES[1]]


def test_two_runs_at_once_build_once(workshop: Workshop) -> None:
    runs = [RunningModule("images", workshop.options()) for _ in range(2)]
    answers = [run.answer() for run in runs]
    assert not [answer["msg"] for answer in answers if answer.get("failed")]
    assert answers[0]["tags"] == answers[1]["tags"]
    assert sorted(len(answer["built"]) for answer in answers) == [0, 2]


def test_progress_is_told_while_it_builds(workshop: Workshop, tmp_path: Path) -> None:
    lines = tmp_path / "progress"
    lines.touch()
    workshop.run(progress=str(lines))
    assert "building zz-images-child (" in lines.read_text()
    assert "Step 3/" in lines.read_text()


@pytest.mark.long
def test_an_image_in_use_is_kept(workshop: Workshop) -> None:
    tag = workshop.run()["tags"][NAMES[1]]
    container = docker.from_env().containers.create(tag, ["true"], name="zz-images-user")
    try:
        assert workshop.run(check=True, state="absent")["kept"] == [tag]
        assert workshop.run(state="absent")["kept"] == [tag]
        assert tags_on_engine() == {tag}
        assert not workshop.run(state="absent")["changed"]
    finally:
        container.remove()
    predicted = workshop.run(check=True, state="absent")
    assert predicted["removed"] == [tag]
    assert tags_on_engine() == {tag}
    assert workshop.run(state="absent")["diff"] == predicted["diff"]
    assert not workshop.run(state="absent")["changed"]


def test_unknown_name_and_missing_catalogue_are_one_line(workshop: Workshop) -> None:
    unknown = workshop.run(names=["no-such-image"])
    assert unknown["failed"]
    assert unknown["msg"].startswith("unknown image 'no-such-image'")
    missing = workshop.run(catalogue="/nonexistent/catalogue.yml")
    assert missing["msg"].startswith("the image catalogue /nonexistent/catalogue.yml does not exist")


def test_no_engine_is_one_line(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")
    answer = workshop.run()
    assert answer["failed"]
    assert "the Docker engine does not answer" in answer["msg"]
    assert "\n" not in answer["msg"]
