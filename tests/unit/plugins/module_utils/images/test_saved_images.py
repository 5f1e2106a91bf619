"""Images are sent without the layers that the other engine has, and with every one that it may need."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

from ansible_collections.echobase.platform.plugins.module_utils.images.saved_images import (
    SavedImage,
    files_to_leave_out,
    saved_images,
    write_without,
)


def image(name: str, *layers: str) -> SavedImage:
    return SavedImage(f"{name}.json", [f"{name}:1"], [f"{layer}/layer.tar" for layer in layers], list(layers))


def test_a_layer_is_left_out_only_on_what_lies_below_it_there() -> None:
    web = image("web", "base", "nginx", "pages")
    assert files_to_leave_out([web], []) == set()
    assert files_to_leave_out([web], [["base", "other"]]) == {"base/layer.tar"}
    assert files_to_leave_out([web], [["base", "nginx", "pages", "more"]]) == {"base/layer.tar", "nginx/layer.tar", "pages/layer.tar"}
    # The engine has that layer, but on another one.
    assert files_to_leave_out([web], [["other", "nginx"]]) == set()


def test_a_layer_that_one_of_the_images_needs_is_sent() -> None:
    web, job = image("web", "base", "tools"), image("job", "other", "tools")
    assert files_to_leave_out([web, job], [["base", "tools"]]) == {"base/layer.tar"}


def archive(path: Path, files: dict[str, bytes], links: dict[str, str]) -> Path:
    with tarfile.open(path, "w") as opened:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            opened.addfile(entry, io.BytesIO(content))
        for name, target in links.items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            opened.addfile(entry)
    return path


def names_in(path: Path) -> set[str]:
    with tarfile.open(path) as opened:
        return set(opened.getnames())


def test_the_archive_keeps_everything_else_and_what_others_are_links_to(tmp_path: Path) -> None:
    config = json.dumps({"rootfs": {"diff_ids": ["one", "two"]}}).encode()
    manifest = json.dumps([{"Config": "c.json", "RepoTags": None, "Layers": ["a/layer.tar", "b/layer.tar"]}]).encode()
    files = {"manifest.json": manifest, "c.json": config, "a/layer.tar": b"one", "b/layer.tar": b"two"}
    whole = archive(tmp_path / "whole.tar", files, {"d/layer.tar": "../a/layer.tar"})
    with tarfile.open(whole) as opened:
        assert saved_images(opened) == [SavedImage("c.json", [], ["a/layer.tar", "b/layer.tar"], ["one", "two"])]
    for left_out, kept in (
        ({"b/layer.tar"}, {*files, "d/layer.tar"} - {"b/layer.tar"}),
        ({"a/layer.tar"}, {*files, "d/layer.tar"}),
        ({"a/layer.tar", "d/layer.tar"}, {*files} - {"a/layer.tar"}),
    ):
        with (tmp_path / "smaller.tar").open("wb") as stream:
            write_without(whole, left_out, stream)
        assert names_in(tmp_path / "smaller.tar") == kept
