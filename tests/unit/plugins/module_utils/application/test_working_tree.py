from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.application.compose_answer import compose_answer
from ansible_collections.echobase.platform.plugins.module_utils.application.definition import Definition
from ansible_collections.echobase.platform.plugins.module_utils.application.working_tree import watch_file, working_tree
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal

from .compose_examples import shop

APPS = Path(__file__).parents[5] / "apps"
FILE = """
services:
  web: {image: "web:1", command: [serve]}
x-echobase: {routes: {/: {service: web, port: 8080, pages: true}}, ready: {web: /ready}, secrets: [KEY]}
"""
WATCHED = """
services:
  web: {command: [edit], volumes: ["./src:/src:ro"]}
x-echobase: {routes: {/: {port: 5173}, /tried: "web:1"}, ready: {web: null}}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "compose.yml"
    path.write_text(FILE)
    watch_file(str(path)).write_text(WATCHED)
    (tmp_path / "src").mkdir()
    return path


@pytest.mark.parametrize(
    ("file", "expected"),
    [("/shop/compose.yml", "/shop/compose.watch.yml"), ("/shop/docker-compose.yaml", "/shop/docker-compose.watch.yaml")],
)
def test_the_second_file_lies_beside_the_first(file: str, expected: str) -> None:
    assert watch_file(file) == Path(expected)


def test_what_the_second_file_says_comes_first(file: Path) -> None:
    definition = Definition.of(working_tree(str(file), {}))
    web = definition.services["web"]
    assert (web["image"], web["command"]) == ("web:1", ["edit"])
    routes = {route.prefix: (route.service, route.port, route.pages) for route in definition.settings.routes}
    assert routes == {"/": ("web", 5173, True), "/tried": ("web", 1, False)}
    assert (definition.settings.ready, definition.settings.secrets) == ({}, ("KEY",))
    assert [(mount["source"], mount["target"]) for mount in web["volumes"]] == [(str(file.parent / "src"), "/src")]


def test_a_second_file_without_a_block_leaves_the_first_ones(file: Path) -> None:
    watch_file(str(file)).write_text("services: {web: {command: [edit]}}\n")
    assert working_tree(str(file), {})["x-echobase"] == compose_answer(str(file), {})["x-echobase"]


def test_a_release_knows_nothing_of_it(file: Path) -> None:
    assert working_tree(str(file), {}) != compose_answer(str(file), {})
    definition = Definition.of(compose_answer(str(file), {}))
    assert (definition.is_working_tree, definition.services["web"]["command"]) == (False, ["serve"])


def test_without_a_second_file_it_says_what_to_write(file: Path) -> None:
    watch_file(str(file)).unlink()
    with pytest.raises(Refusal, match=r"there is no .*/compose.watch.yml - write into it how your services run .*: docs/operate/watch.md$"):
        working_tree(str(file), {})


def test_a_folder_that_is_not_there_is_not_made(file: Path) -> None:
    (file.parent / "src").rmdir()
    with pytest.raises(Refusal) as refused:
        working_tree(str(file), {})
    assert str(refused.value) == f"{watch_file(str(file))}: services.web.volumes: there is no {file.parent}/src - correct the path"


def test_what_compose_does_not_accept_names_both_files(file: Path) -> None:
    watch_file(str(file)).write_text("services: {web: {comand: []}}\n")
    with pytest.raises(Refusal, match=f"^Compose does not accept {file} with {watch_file(str(file))}: .*comand"):
        working_tree(str(file), {})


def test_only_a_working_tree_may_mount_folders_and_none_the_engines_socket(file: Path) -> None:
    """And no file can say of itself that it is one."""
    file.write_text(f"{FILE}\nx-echobase-working-tree: true\n")
    assert not Definition.of(compose_answer(str(file), {})).is_working_tree
    project = shop() | {"x-echobase-working-tree": True}
    project["services"]["api"]["volumes"] = [{"type": "bind", "source": "/srv/shop", "target": "/app"}]
    kept: dict[str, Any] = dict(Definition.of(project).project)
    assert Definition.of(kept).is_working_tree
    project["services"]["api"]["volumes"] = [{"type": "bind", "source": "/var/run/docker.sock", "target": "/s"}]
    with pytest.raises(Refusal, match="makes the container root on the host"):
        Definition.of(project)


@pytest.mark.parametrize("file", sorted(APPS.glob("*/compose.watch.yml")), ids=lambda file: file.parent.name)
def test_the_files_of_an_example_fit_together(file: Path) -> None:
    compose = str(file.with_name("compose.yml"))
    definition, released = Definition.of(working_tree(compose, {})), Definition.of(compose_answer(compose, {}))
    # The edge need not learn other routes, and what runs once is what it is in a release.
    assert (definition.settings, definition.jobs) == (released.settings, released.jobs)
    sources = [mount for service in definition.services.values() for mount in service.get("volumes") or ()]
    assert sources
    assert all(mount["read_only"] for mount in sources), "a program must not write into the working tree"
