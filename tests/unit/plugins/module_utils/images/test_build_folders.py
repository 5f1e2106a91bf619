"""The folders that an application is built from: sent as a build would see them, and known by what is in them."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.images.build_folders import (
    SentFolders,
    content_address,
    write_folders,
)
from ansible_collections.echobase.platform.plugins.module_utils.images.sources import ContextsNeeded


@pytest.fixture
def build(tmp_path: Path) -> dict[str, Any]:
    for name, content in {
        "web/Dockerfile": "FROM scratch",
        "web/src/main.py": "print()",
        "web/run.sh": "#!/bin/sh",
        "web/.dockerignore": "# what nobody needs\nlogs\n",
        "web/logs/old": "left out",
        "shared/lib.py": "x = 1",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    (tmp_path / "web/run.sh").chmod(0o755)
    (tmp_path / "web/link").symlink_to("src/main.py")
    return {"context": str(tmp_path / "web"), "dockerfile": "Dockerfile", "additional_contexts": {"shared": str(tmp_path / "shared")}}


def unpacked(build: dict[str, Any], place: Path) -> Path:
    with tarfile.open(place / "sent.tar.gz", "w:gz") as archive:
        write_folders(archive, "web", build)
    with tarfile.open(place / "sent.tar.gz") as archive:
        archive.extractall(place / "there", filter="data")
    return place / "there"


def test_what_arrives_has_the_address_of_what_was_sent(build: dict[str, Any], tmp_path: Path) -> None:
    address = content_address("services.web.build", build)
    there = unpacked(build, tmp_path)
    folders = SentFolders({"web": address}, there)
    folders.need({"web": build})
    section = folders.section("web", build)
    assert content_address("services.web.build", section) == address
    assert Path(section["additional_contexts"]["shared"], "lib.py").read_text() == "x = 1"
    assert not list(there.rglob("old")), "what .dockerignore names is sent"
    assert section["dockerfile"] == "Dockerfile"


def test_without_the_files_they_are_asked_for(build: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ContextsNeeded, match="web"):
        SentFolders({"web": "0123"}, None).need({"web": build})
    with pytest.raises(ContextsNeeded, match="job"):
        SentFolders({}, unpacked(build, tmp_path)).need({"job": build})


def test_a_file_that_changed_while_it_was_sent_is_refused(build: dict[str, Any], tmp_path: Path) -> None:
    address = content_address("services.web.build", build)
    (tmp_path / "web/src/main.py").write_text("print(1)")
    with pytest.raises(Refusal, match=r"services\.web\.build: its files arrived otherwise"):
        SentFolders({"web": address}, unpacked(build, tmp_path)).need({"web": build})
