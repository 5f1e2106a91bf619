"""A host knows the tags without the files, and asks for those that it has to build from."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.images.catalogue import ImageCatalogue, content_of
from ansible_collections.echobase.platform.plugins.module_utils.images.sources import ContextsNeeded, SentSources

CATALOGUE = """\
images:
  base: {bootstrap: images/base/rootfs}
  web: {context: {images/web: ., images/shared: shared}, parents: {BASE: base}}
  tracer: {context: {images/web: .}, parents: {BASE: base}, program: {source: images/tracer/program, package: ., compiler: web}}
"""
PROGRAM = "images.tracer.program"


@pytest.fixture
def catalogue(tmp_path: Path) -> ImageCatalogue:
    for name in ("base/rootfs/policy", "web/Dockerfile", "shared/run.sh", "tracer/program/main.go"):
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True)
        path.write_text(name)
    (tmp_path / "images/shared/run.sh").chmod(0o755)
    (tmp_path / "images/catalogue.yml").write_text(CATALOGUE)
    return ImageCatalogue.load(tmp_path / "images/catalogue.yml", "trixie")


def archive_of(catalogue: ImageCatalogue, file: Path, *names: str) -> Path:
    with tarfile.open(file, "w:gz") as archive:
        for name in names:
            catalogue.named_context(name).add_to(archive, folder=f"{name}/")
    return file


def sent(catalogue: ImageCatalogue, tmp_path: Path, archive: Path | None = None) -> ImageCatalogue:
    return ImageCatalogue.of(content_of(tmp_path / "images/catalogue.yml"), SentSources(catalogue.identities(), archive), "trixie")


def test_tags_and_keys_are_the_same_on_both_machines(catalogue: ImageCatalogue, tmp_path: Path) -> None:
    there = sent(catalogue, tmp_path)
    assert there.tags(there.names) == catalogue.tags(catalogue.names)
    program = catalogue.image("tracer").program
    assert program
    assert there.program_key(program) == catalogue.program_key(program)


def test_what_is_built_from_has_to_be_there(catalogue: ImageCatalogue, tmp_path: Path) -> None:
    there = sent(catalogue, tmp_path, archive_of(catalogue, tmp_path / "sent.tar.gz", "web"))
    there.sources.need(["web"])
    with pytest.raises(ContextsNeeded) as needed:
        there.sources.need(["web", "tracer", PROGRAM])
    assert needed.value.names == [PROGRAM, "tracer"]


def test_what_arrives_is_what_was_there(catalogue: ImageCatalogue, tmp_path: Path) -> None:
    there = sent(catalogue, tmp_path, archive_of(catalogue, tmp_path / "sent.tar.gz", "web", PROGRAM))
    for name in ("web", PROGRAM):
        assert there.named_context(name).identity == catalogue.named_context(name).identity


def test_what_arrives_otherwise_is_refused(catalogue: ImageCatalogue, tmp_path: Path) -> None:
    identities = catalogue.identities()
    (tmp_path / "images/shared/run.sh").write_text("changed on the way")
    changed = ImageCatalogue.load(tmp_path / "images/catalogue.yml", "trixie")
    archive = archive_of(changed, tmp_path / "sent.tar.gz", "web")
    with pytest.raises(Refusal, match="web arrived otherwise than it was sent"):
        SentSources(identities, archive)
