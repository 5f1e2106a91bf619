from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.host.apt_sources import AptSource
from ansible_collections.echobase.platform.plugins.module_utils.images.base import BaseImage
from ansible_collections.echobase.platform.plugins.module_utils.images.context import BuildContext, ContextFile

BASE = BaseImage("trixie", (AptSource("http://mirror.example/debian", "trixie", ("main",)),))
OVERLAY = BuildContext({"usr/sbin/policy-rc.d": ContextFile(b"exit 101", executable=True)})


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Plays mmdebstrap; its last argument but one is the target."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder / "mmdebstrap"


def write(tool: Path, script: str) -> None:
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(0o755)


def test_the_overlay_is_laid_over_what_was_made(tool: Path, tmp_path: Path) -> None:
    write(tool, 'echo "I: unpacking" >&2; for word; do case $word in *base.tar) tar -cf "$word" -T /dev/null;; esac; done')
    heard: list[str] = []
    archive = BASE.make(OVERLAY, tmp_path, heard.append)
    assert heard == ["I: unpacking\n"]
    with tarfile.open(archive) as made:
        assert [(entry.name, entry.mode) for entry in made] == [("usr/sbin/policy-rc.d", 0o755)]


def test_everything_on_the_way_to_it_is_in_its_folder(tool: Path, tmp_path: Path) -> None:
    write(tool, 'touch "$TMPDIR/chroot"; for word; do case $word in *base.tar) tar -cf "$word" -T /dev/null;; esac; done')
    BASE.make(OVERLAY, tmp_path, lambda _: None)
    assert (tmp_path / "chroot").exists()


def test_a_failure_shows_the_last_lines_and_the_address(tool: Path, tmp_path: Path) -> None:
    write(tool, 'for i in $(seq 30); do echo "E: line $i" >&2; done; exit 1')
    with pytest.raises(Refusal) as caught:
        BASE.make(OVERLAY, tmp_path, lambda _: None)
    assert "E: line 30" in caught.value.cause
    assert "E: line 15\n" not in caught.value.cause
    assert "http://mirror.example/debian" in caught.value.remedy


def test_without_mmdebstrap_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Refusal, match="mmdebstrap is not installed"):
        BASE.make(OVERLAY, tmp_path, lambda _: None)


def test_the_recipe_knows_suites_but_no_address() -> None:
    moved = BaseImage("trixie", (AptSource("http://other.example/debian", "trixie", ("main",)),))
    assert moved.recipe == BASE.recipe
    assert BaseImage("noble", (AptSource("http://mirror.example/ubuntu", "noble", ("main",)),)).recipe != BASE.recipe
    secure = BaseImage("trixie", (AptSource("https://mirror.example/debian", "trixie", ("main",)),))
    assert secure.packages == ["ca-certificates"]
