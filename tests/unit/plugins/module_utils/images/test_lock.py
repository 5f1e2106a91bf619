"""The lock file of a registry of one's own: what is written is what is read, and what does not fit is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.images.lock import ImagesLock, LockedImage, locked

DIGEST = f"sha256:{'1' * 64}"
NGINX = "echobase/nginx:0123456789ab"
PROMETHEUS = f"docker.io/prom/prometheus@sha256:{'2' * 64}"
SHOP = "echobase/shop:ba9876543210"
PINNED = f"redis@sha256:{'3' * 64}"


def at(name: str) -> str:
    return f"registry.example.com/shop/{name}@{DIGEST}"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "images.lock.txt"
    path.write_text(
        locked(
            {"nginx": NGINX, "prometheus": PROMETHEUS},
            {"nginx": "echobase/nginx:contents", "prometheus": "echobase/prometheus:contents"},
            {NGINX: at("nginx"), PROMETHEUS: at("prometheus"), SHOP: at("shop"), PINNED: at("redis")},
            {"web": SHOP, "store": PINNED, "proxy": NGINX},
            {"web": {"build": {"context": "."}}, "store": {"image": "redis:8"}, "proxy": {"image": "echobase/nginx"}},
        )
    )
    return path


def test_what_is_written_is_what_is_read(file: Path) -> None:
    lock = ImagesLock.read(file)
    assert lock.catalogue["nginx"] == LockedImage(NGINX, at("nginx"), "echobase/nginx:contents")
    # What is known by a digest alone gets a tag, and what a Compose file names keeps that name.
    assert lock.catalogue["prometheus"].tag == f"echobase/prometheus:{'2' * 12}"
    assert lock.application == {SHOP: at("shop"), "redis:8": at("redis")}
    assert lock.catalogue["nginx"].digest == DIGEST


def test_only_what_was_built_from_the_same_files_is_wanted(file: Path) -> None:
    lock = ImagesLock.read(file)
    assert set(lock.wanted(["nginx", "loki"], {"nginx": "echobase/nginx:contents", "loki": "-"}, file)) == {"nginx"}
    with pytest.raises(Refusal, match=r"nginx of .* was built from other files .* run `playbooks/images.yml` again"):
        lock.wanted(["nginx"], {"nginx": "echobase/nginx:others"}, file)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("catalogue: {nginx: {tag: a}}", "cannot be understood"),
        ("catalogue: [", "cannot be understood"),
        ("application: {a: registry.example.com/shop:latest}", r"has no digest in registry.example.com/shop:latest"),
    ],
)
def test_what_is_no_lock_file_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "images.lock.txt"
    path.write_text(text)
    with pytest.raises(Refusal, match=complaint):
        ImagesLock.read(path)


def test_without_a_file_it_says_how_it_is_made(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=r"there is no lock file .* run `playbooks/images.yml`, which writes it"):
        ImagesLock.read(tmp_path / "images.lock.txt")
