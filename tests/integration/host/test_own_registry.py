"""Images go to a registry of one's own and come from there by their digests: up, away, cut off half-way, slow, asking for a login."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.errors import ImageNotFound

from harness.local_registry import LocalRegistry, image_of
from harness.module_runner import run_module
from harness.registry_way import way_to

TAG = "echobase/zz-registry-of-ones-own:0123456789ab"
LOGIN = ("deployer", "pass-word-of-the-registry")


@pytest.fixture(scope="module")
def registry() -> Iterator[LocalRegistry]:
    yield from _running(LocalRegistry())


@pytest.fixture(scope="module")
def guarded() -> Iterator[LocalRegistry]:
    yield from _running(LocalRegistry(login=LOGIN))


def _running(made: LocalRegistry) -> Iterator[LocalRegistry]:
    try:
        made.start()
        yield made
    finally:
        made.close()


@pytest.fixture
def image() -> Iterator[str]:
    """Two layers that nobody has."""
    docker.from_env().images.load(image_of(TAG, os.urandom(1_500_000), os.urandom(1_500_000)))
    yield TAG
    forget()


def forget() -> None:
    client = docker.from_env()
    names = [
        name for one in client.api.images() for name in (*(one["RepoTags"] or ()), *(one["RepoDigests"] or ())) if "zz-registry-of" in name
    ]
    for name in names:
        try:
            client.images.remove(name, force=True)
        except ImageNotFound:
            continue


def push(registry: LocalRegistry, check: bool = False, **options: Any) -> dict[str, Any]:
    return run_module("pushed_images", {"images": [TAG], "repository": f"{registry.address}/shop", **options}, check=check)


def pull(reference: str, home: Path, check: bool = False, **options: Any) -> dict[str, Any]:
    fixed = {"lock": "images.lock.txt", "catalogue": "images/catalogue.yml", "home": str(home)}
    return run_module("pulled_images", {**fixed, "images": {TAG: reference}, **options}, check=check)


def by_another_way(reference: str, address: str) -> str:
    return f"{address}/{reference.partition('/')[2]}"


def test_what_was_pushed_comes_back_by_its_digest_and_under_its_tag(registry: LocalRegistry, image: str, tmp_path: Path) -> None:
    before = docker.from_env().images.get(image).id
    assert push(registry, check=True)["pushed"] == [image]
    first = push(registry)
    assert (first["changed"], first["pushed"]) == (True, [image])
    reference = first["references"][image]
    assert reference.startswith(f"{registry.address}/shop/zz-registry-of-ones-own@sha256:")
    again = push(registry)
    assert (again["changed"], again["references"]) == (False, first["references"])

    forget()
    assert pull(reference, tmp_path, check=True)["pulled"] == [image]
    with pytest.raises(ImageNotFound):
        docker.from_env().images.get(image)
    assert pull(reference, tmp_path)["pulled"] == [image]
    assert docker.from_env().images.get(image).id == before
    assert not pull(reference, tmp_path)["changed"]


def test_an_image_of_the_same_tag_and_another_digest_is_replaced(registry: LocalRegistry, image: str, tmp_path: Path) -> None:
    reference = push(registry)["references"][image]
    wanted = docker.from_env().images.get(image).id
    forget()
    docker.from_env().images.load(image_of(TAG, b"somebody else's"))
    assert pull(reference, tmp_path)["changed"]
    assert docker.from_env().images.get(image).id == wanted


def test_a_digest_that_the_registry_does_not_have_is_refused(registry: LocalRegistry, image: str, tmp_path: Path) -> None:
    reference = push(registry)["references"][image]
    answer = pull(f"{reference.partition('@')[0]}@sha256:{'0' * 64}", tmp_path)
    assert answer["failed"]
    assert "cannot be pulled" in answer["msg"]
    assert "run `playbooks/images.yml` again, which pushes it" in answer["msg"]


def test_a_registry_may_ask_for_a_login(guarded: LocalRegistry, image: str, tmp_path: Path) -> None:
    refused = push(guarded)
    assert "set images_registry_user and images_registry_password_file" in refused["msg"]
    login = {"user": LOGIN[0], "password": LOGIN[1]}
    pushed = push(guarded, **login)
    reference = pushed["references"][image]
    assert not push(guarded, **login)["changed"]
    forget()
    assert "set images_registry_user" in pull(reference, tmp_path)["msg"]
    wrong = pull(reference, tmp_path, user=LOGIN[0], password="another")
    assert "see that the user in images_registry_user may do that" in wrong["msg"]
    right = pull(reference, tmp_path, **login)
    assert right["pulled"] == [image]
    assert LOGIN[1] not in f"{pushed}{wrong}{right}"


@pytest.fixture
def away(registry: LocalRegistry) -> Iterator[Callable[[], None]]:
    yield registry.stop
    registry.start()


def test_a_registry_that_is_away_is_named(registry: LocalRegistry, image: str, tmp_path: Path, away: Callable[[], None]) -> None:
    reference = push(registry)["references"][image]
    # What is here already needs no registry.
    away()
    assert not pull(reference, tmp_path)["changed"]
    forget()
    answer = pull(reference, tmp_path)
    assert f"see that this host reaches {registry.address}" in answer["msg"]


@pytest.mark.long
def test_a_registry_that_goes_away_half_way_is_asked_again_by_the_next_run(registry: LocalRegistry, image: str, tmp_path: Path) -> None:
    reference = push(registry)["references"][image]
    forget()
    with way_to(registry.address) as way:
        way.left = 2_000_000
        answer = pull(by_another_way(reference, way.address), tmp_path)
        assert answer["failed"]
        assert f"{way.address}" in answer["msg"]
        with pytest.raises(ImageNotFound):
            docker.from_env().images.get(image)
        way.left = float("inf")
        assert pull(by_another_way(reference, way.address), tmp_path)["pulled"] == [image]


def test_a_slow_registry_is_waited_for_and_told_of(registry: LocalRegistry, image: str, tmp_path: Path) -> None:
    reference = push(registry)["references"][image]
    forget()
    told = tmp_path / "told"
    told.touch()
    with way_to(registry.address) as way:
        way.bytes_a_second = 400_000
        answer = pull(by_another_way(reference, way.address), tmp_path, progress=str(told))
    assert answer["pulled"] == [image]
    assert f"pulling {image} (0 s): from {way.address}" in told.read_text()
