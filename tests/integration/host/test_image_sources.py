"""Makers' images are pulled by digest from a real registry, built where none answers, and only taken with the digest of the lock file."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
import yaml

from harness.local_registry import LocalRegistry
from harness.module_runner import CHECKOUT, run_module

BOTH, ONLY = "zz-images-both", "zz-images-only"


@pytest.fixture(scope="module")
def registry() -> Iterator[LocalRegistry]:
    made = LocalRegistry()
    try:
        made.start()
        yield made
    finally:
        made.close()


class Repository:
    """Two images: one that is built or pulled, one that is only ever pulled."""

    def __init__(self, root: Path, address: str) -> None:
        self._root = root
        self.catalogue = root / "images/catalogue.yml"
        self.lock = root / "images/digests.yml"
        (root / "images/both").mkdir(parents=True)
        (root / "images/both/Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\n")
        both = {"context": {"images/both": "."}, "official": {"image": f"{address}/zz/both", "version": "v1.0.0"}}
        only = {"official": {"image": f"{address}/zz/only", "version": "2.0.0"}}
        self.catalogue.write_text(yaml.safe_dump({"images": {BOTH: both, ONLY: only}}))

    def run(self, check: bool = False, **options: Any) -> dict[str, Any]:
        return run_module("images", {"catalogue": str(self.catalogue), "home": str(self._root / "home"), **options}, check=check)


@pytest.fixture
def repository(tmp_path: Path, registry: LocalRegistry) -> Iterator[Repository]:
    made = Repository(tmp_path, registry.address)
    made.run(state="absent")
    yield made
    made.run(state="absent")
    assert not [name for name in names_on_engine() if "zz-images-" in name or f"{registry.address}/zz/" in name]


def resolve_digests(catalogue: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, CHECKOUT / "tools/digests", "--catalogue", catalogue]
    environment = os.environ | {"PYTHONPATH": str(CHECKOUT / ".collections")}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def names_on_engine() -> list[str]:
    images = docker.from_env().api.images()
    return [name for image in images for name in (*(image["RepoTags"] or ()), *(image["RepoDigests"] or ()))]


@pytest.fixture
def away(registry: LocalRegistry) -> Iterator[Callable[[], None]]:
    yield registry.stop
    registry.start()


def test_pulled_by_digest_once_and_then_nobody_is_asked(repository: Repository, registry: LocalRegistry, away: Callable[[], None]) -> None:
    digests = {BOTH: registry.publish("zz/both", "v1.0.0", "one"), ONLY: registry.publish("zz/only", "2.0.0", "two")}
    predicted = repository.run(check=True)
    assert predicted["pulled"] == [BOTH, ONLY]
    assert not [name for name in names_on_engine() if f"{registry.address}/zz/" in name]

    first = repository.run()
    assert first["changed"]
    assert (first["tags"], first["diff"]) == (predicted["tags"], predicted["diff"])
    assert first["digests"] == digests
    assert first["tags"][BOTH] == f"{registry.address}/zz/both@{digests[BOTH]}"
    assert (first["built"], first["absent"]) == ([], {})
    docker.from_env().images.get(first["tags"][ONLY])

    # A newer image under the same version is not fetched: what runs changes only when somebody says so.
    registry.publish("zz/both", "v1.0.0", "three")
    away()
    again = repository.run()
    assert not again["changed"]
    assert (again["tags"], again["digests"]) == (first["tags"], digests)
    assert repository.run(source="pull")["tags"] == first["tags"]

    # Somebody's own image that is called like one of ours is not ours to remove.
    docker.from_env().api.tag(first["tags"][ONLY], f"echobase/{ONLY}", "theirs")
    assert f"echobase/{ONLY}:theirs" not in repository.run(names=[ONLY], state="absent", check=True)["removed"]
    docker.from_env().images.remove(f"echobase/{ONLY}:theirs")

    # What its makers' registry cannot give any more is built where that is wanted, and the pulled one comes back with another word.
    built = repository.run(source="build")
    assert built["built"] == [BOTH]
    assert built["absent"] == {ONLY: f"{ONLY} is only ever pulled, and images_source is build"}
    assert repository.run()["tags"] == first["tags"]


def test_only_the_locks_digest_is_taken(repository: Repository, registry: LocalRegistry) -> None:
    wanted = registry.publish("zz/both", "v1.0.0", "checked")
    gap = resolve_digests(repository.catalogue)
    assert gap.returncode == 1
    assert gap.stderr.startswith(f"{registry.address}/zz/only:2.0.0: {registry.address} has no ")
    assert not repository.lock.exists()
    only = registry.publish("zz/only", "2.0.0", "checked as well")
    assert resolve_digests(repository.catalogue).stdout.endswith("digests.yml is written\n")
    assert yaml.safe_load(repository.lock.read_text()) == {
        f"{registry.address}/zz/both:v1.0.0": wanted,
        f"{registry.address}/zz/only:2.0.0": only,
    }

    # The version was published anew, and the registry still has the image that was looked at.
    registry.publish("zz/both", "v1.0.0", "unchecked")
    assert repository.run(names=[BOTH])["digests"] == {BOTH: wanted}

    # Another one than the lock's is no longer good enough, even if it is there.
    unknown = f"sha256:{'0' * 64}"
    repository.lock.write_text(f"{registry.address}/zz/both:v1.0.0: {unknown}\n")
    for source in ("auto", "pull"):
        refused = repository.run(names=[BOTH], source=source)
        assert refused["failed"]
        assert f"digests.yml has {unknown}" in refused["msg"]
        assert "make digests" in refused["remedy"]
    assert repository.run(names=[BOTH], source="build")["built"] == [BOTH]


def test_without_its_registry_an_image_is_built_and_one_line_says_so(
    repository: Repository, registry: LocalRegistry, away: Callable[[], None]
) -> None:
    away()
    predicted = repository.run(check=True)
    first = repository.run()
    assert first["built"] == predicted["built"] == [BOTH]
    assert list(first["tags"]) == [BOTH]
    assert first["absent"][ONLY].startswith(f"{registry.address} does not answer (")
    # It is no warning: a machine without a registry is nothing wrong.
    assert "warnings" not in first
    (line,) = first["silent"]
    assert line.startswith(f"{registry.address} does not answer (")
    assert f"built instead: {BOTH}; done without: {ONLY}; all else works" in line

    again = repository.run()
    assert not again["changed"]
    assert again["silent"] == []
    assert again["tags"] == first["tags"]
    assert "images_source=pull asks it again" in again["absent"][ONLY]

    refused = repository.run(source="pull")
    assert refused["failed"]
    assert refused["msg"].startswith(f"{registry.address}/zz/both:v1.0.0 cannot be pulled: {registry.address} does not answer (")
    assert "\n" not in refused["msg"]


@pytest.mark.long
def test_a_registry_that_fails_while_it_is_pulled_from_is_no_registry(repository: Repository, registry: LocalRegistry) -> None:
    registry.publish("zz/both", "v1.0.0", "lost")
    registry.lose_layers()
    answer = repository.run(names=[BOTH])
    assert answer["built"] == [BOTH]
    assert answer["digests"] == {}
    assert answer["silent"]


@pytest.mark.long
def test_a_registry_that_comes_back_is_asked_when_somebody_says_so(repository: Repository, registry: LocalRegistry) -> None:
    digest = registry.publish("zz/only", "2.0.0", "two")
    registry.stop()
    try:
        assert repository.run(names=[ONLY])["tags"] == {}
    finally:
        registry.start()
    registry.publish("zz/only", "2.0.0", "two")
    assert repository.run(names=[ONLY])["tags"] == {}
    assert repository.run(names=[ONLY], source="pull")["digests"] == {ONLY: digest}


@pytest.mark.long
def test_a_registry_of_ones_own_stands_in(tmp_path: Path, registry: LocalRegistry) -> None:
    repository = Repository(tmp_path, "registry.invalid")
    digest = registry.publish("mirror/zz/both", "v1.0.0", "mirrored")
    answer = repository.run(names=[BOTH], registry=f"{registry.address}/mirror")
    assert answer["tags"] == {BOTH: f"{registry.address}/mirror/zz/both@{digest}"}
    assert repository.run(state="absent")["changed"]
    assert not registry.has_on_engine("mirror/zz/both")


def test_a_registry_that_hangs_costs_three_seconds_once(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        repository = Repository(tmp_path, f"127.0.0.1:{hanging.getsockname()[1]}")
        started = time.monotonic()
        answer = repository.run(check=True)
        assert answer["built"] == [BOTH]
        assert "no answer in time" in answer["silent"][0]
        assert time.monotonic() - started < 3 + 5
