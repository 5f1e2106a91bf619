from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.storage.folder_copy import exchange, make_same


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    (folder / "inner").mkdir(parents=True)
    (folder / "inner" / "file").write_text("content")
    (folder / "link").symlink_to("inner/file")
    (folder / "inner").chmod(0o750)
    return folder


@pytest.fixture
def target(tmp_path: Path) -> Path:
    folder = tmp_path / "target"
    folder.mkdir()
    return folder


def seen(folder: Path) -> dict[str, tuple[int, str]]:
    return {
        str(path.relative_to(folder)): (path.lstat().st_mode, str(path.readlink()) if path.is_symlink() else path.read_text())
        for path in folder.rglob("*")
        if not path.is_dir()
    } | {str(path.relative_to(folder)): (path.lstat().st_mode, "") for path in folder.rglob("*") if path.is_dir()}


def test_it_is_the_same(source: Path, target: Path) -> None:
    (target / "left over").mkdir()
    (target / "link").mkdir()
    make_same(source, target)
    assert seen(target) == seen(source)


def test_what_changes_right_after_it_was_copied_is_copied_again(source: Path, target: Path) -> None:
    make_same(source, target)
    file = source / "inner" / "file"
    before = file.stat()
    file.write_text("CONTENT")
    # As on a file system whose clock has not ticked in between.
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    make_same(source, target)
    assert seen(target) == seen(source)


def test_what_has_not_changed_for_long_is_left_alone(source: Path, target: Path) -> None:
    os.utime(source / "inner" / "file", ns=(1, 1))
    make_same(source, target)
    copied = (target / "inner" / "file").stat()
    make_same(source, target)
    assert (target / "inner" / "file").stat() == copied


def test_two_folders_change_places(source: Path, target: Path) -> None:
    before = seen(source)
    exchange(source, target)
    assert (seen(target), seen(source)) == (before, {})
