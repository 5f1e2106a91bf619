from __future__ import annotations

import re
from pathlib import Path

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.images.catalogue import ImageCatalogue

CATALOGUE = """\
images:
  base: {bootstrap: images/base/rootfs}
  web: {context: {images/web: .}, parents: {BASE: base}}
  job: {context: {images/job: .}, parents: {BASE: base}}
  app: {context: {images/app: .}, parents: {BASE: web}}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    for name in ("base/rootfs/policy", "web/Dockerfile", "job/Dockerfile", "app/Dockerfile"):
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True)
        path.write_text(name)
    catalogue = tmp_path / "images/catalogue.yml"
    catalogue.write_text(CATALOGUE)
    return catalogue


def tags(file: Path, recipe: str = "trixie") -> dict[str, str]:
    catalogue = ImageCatalogue.load(file, recipe)
    return catalogue.tags(catalogue.names)


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {name for name in before if before[name] != after[name]}


def test_a_change_reaches_every_image_above_it_and_no_other(file: Path) -> None:
    before = tags(file)
    assert tags(file) == before
    (file.parent / "web/Dockerfile").write_text("other")
    assert changed(before, tags(file)) == {"web", "app"}


def test_another_base_recipe_changes_everything(file: Path) -> None:
    assert changed(tags(file), tags(file, recipe="noble")) == {"base", "web", "job", "app"}


def test_a_refresh_changes_every_tag_and_no_refresh_changes_none(file: Path) -> None:
    before = tags(file)
    refreshed, later = (ImageCatalogue.load(file, "trixie", day) for day in ("2026-11-27", "2026-12-01"))
    assert changed(before, refreshed.tags(before)) == set(before)
    assert changed(refreshed.tags(before), later.tags(before)) == set(before)
    assert tags(file) == before


def test_an_older_major_is_another_image_and_built_only_where_it_is_named(file: Path) -> None:
    before = tags(file)
    older = '  web-1: {context: {images/web: .}, parents: {BASE: base}, arguments: {MAJOR: "1"}, on_demand: true}\n'
    file.write_text(CATALOGUE + older)
    after = tags(file)
    assert changed(before, after) == set()
    file.write_text(file.read_text().replace('MAJOR: "1"', 'MAJOR: "2"'))
    assert changed(after, tags(file)) == {"web-1"}
    assert ImageCatalogue.load(file, "trixie").usual_names == list(before)


def test_tags_do_not_depend_on_where_the_checkout_is(file: Path, tmp_path: Path) -> None:
    before = tags(file)
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    (tmp_path / "images").rename(moved / "images")
    assert tags(moved / "images/catalogue.yml") == before


def test_a_malformed_catalogue_is_refused(file: Path) -> None:
    file.write_text("images: {web: {contexts: {}}}\n")
    with pytest.raises(Refusal, match="is malformed"):
        ImageCatalogue.load(file, "trixie")


def test_the_collections_own_catalogue_names_folders_that_exist() -> None:
    root = Path(__file__).resolve().parents[5]
    catalogue = ImageCatalogue.load(root / "images/catalogue.yml", "trixie")
    assert {"base", "mariadb", "nginx", "python", "emulator", "backend", "frontend"} <= set(catalogue.names)
    assert all(tag.startswith(f"echobase/{name}:") for name, tag in catalogue.tags(catalogue.built_names).items())
    assert all(image.can_be_built or image.official for image in catalogue.images.values())
    assert {name for name, image in catalogue.images.items() if not image.can_be_built} == {"loki", "grafana"}


def test_every_official_image_is_named_in_full() -> None:
    catalogue = ImageCatalogue.load(Path(__file__).resolve().parents[5] / "images/catalogue.yml", "trixie")
    official = [image.official for image in catalogue.images.values() if image.official]
    assert official
    assert [image.tag for image in official if "." not in image.registry or not re.fullmatch(r"v?\d+\.\d+\.\d+", image.version)] == []


def test_an_image_changes_with_its_program_and_with_what_compiles_it(file: Path) -> None:
    entry = "  tracer: {context: {images/job: .}, program: {source: images/tracer, package: ., compiler: web}}\n"
    file.write_text(CATALOGUE + entry)
    module = file.parent / "tracer/go.mod"
    module.parent.mkdir()
    module.write_text("module one\n")
    before = tags(file)
    module.write_text("module two\n")
    assert changed(before, tags(file)) == {"tracer"}
    module.write_text("module one\n")
    (file.parent / "web/Dockerfile").write_text("another Go")
    assert changed(before, tags(file)) == {"web", "app", "tracer"}


def test_every_image_of_the_collection_stands_on_the_base_so_that_a_refresh_reuses_no_layer() -> None:
    catalogue = ImageCatalogue.load(Path(__file__).resolve().parents[5] / "images/catalogue.yml", "trixie")

    def stands_on_the_base(name: str) -> bool:
        parents = catalogue.image(name).parents.values()
        return name == "base" or (bool(parents) and all(stands_on_the_base(parent) for parent in parents))

    assert [name for name in catalogue.built_names if not stands_on_the_base(name)] == []
