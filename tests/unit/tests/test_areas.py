"""The table of areas is the truth: every file has its place, and what a test uses belongs to the area whose change runs it."""

from __future__ import annotations

import re

import pytest

from areas import AREAS, CHECKOUT, COMMON, WITHOUT_LONG_TESTS, area_of_test, areas_of, changed_areas, git, is_below

TRACKED = git("ls-files").splitlines()
LONG_TESTS = [
    file
    for file in TRACKED
    if re.match(r"tests/(integration|chaos|e2e|load)/.*test_\w+\.py$", file) and "mark.long" in (CHECKOUT / file).read_text()
]
_LOGIC = re.compile(r"^from ansible_collections\.echobase\.platform\.plugins\.module_utils\.([\w.]+) import", re.M)
_MODULES = re.compile(r"\b(?:run_module|RunningModule)\(\s*\"(\w+)\"")


def used_by(test: str) -> set[str]:
    """The files of the collection that a test imports or runs by name."""
    text = (CHECKOUT / test).read_text()
    logic = {f"plugins/module_utils/{name.replace('.', '/')}.py" for name in _LOGIC.findall(text)}
    return {file for file in logic | {f"plugins/modules/{name}.py" for name in _MODULES.findall(text)} if (CHECKOUT / file).exists()}


def test_every_file_has_a_place_in_the_table() -> None:
    lost = [file for file in TRACKED if not areas_of(file) and not is_below(file, WITHOUT_LONG_TESTS)]
    assert not lost, "add them to tests/areas.toml"


def test_every_line_of_the_table_means_a_file() -> None:
    lines = {*COMMON, *WITHOUT_LONG_TESTS, *(path for area in AREAS.values() for path in area.paths)}
    assert [line for line in sorted(lines) if not any(is_below(file, (line,)) for file in TRACKED)] == []


def test_every_scenario_is_there() -> None:
    wanted = {area.scenario for area in AREAS.values()} - {""}
    assert wanted == {path.parent.name for path in (CHECKOUT / "molecule").glob("*/molecule.yml")}


@pytest.mark.parametrize("test", LONG_TESTS)
def test_a_change_of_what_a_long_test_uses_runs_it(test: str) -> None:
    area = area_of_test(test)
    assert area in AREAS
    missing = [file for file in sorted(used_by(test)) if area not in areas_of(file)]
    assert not missing, f"{test} uses them: a change of them must run area {area}"


def test_a_wrong_table_would_be_noticed() -> None:
    """The test above can fail: the long tests do use files."""
    assert sum(len(used_by(test)) for test in LONG_TESTS) > len(LONG_TESTS)


def test_only_areas_with_a_change_are_chosen() -> None:
    file = "roles/edge/tasks/main.yml"
    assert changed_areas([file, "README.md"]) == {"edge": [file]}
    assert changed_areas(["docs/understand/security.md"]) == {}
    assert list(changed_areas(["tests/run.py"])) == list(AREAS)


def test_a_folder_means_what_is_below_it_and_nothing_beside_it() -> None:
    assert is_below("roles/edge/tasks/main.yml", ("roles/edge/",))
    assert not is_below("roles/edge_else/tasks/main.yml", ("roles/edge/",))
    assert not is_below("Makefile.old", ("Makefile",))
    assert is_below("plugins/modules/durable_db_key.py", ("plugins/modules/durable_db*",))
