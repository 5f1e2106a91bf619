"""The pages that are made from the collection itself are up to date, and say what is true of it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from areas import CHECKOUT
from reference.inventory_page import environment_variables
from reference.markup import markdown, table
from reference.pages import pages
from reference.playbook_page import Playbook, playbooks

PAGES = pages()
PLAYBOOKS = playbooks(CHECKOUT / "playbooks")
ROLES = sorted((CHECKOUT / "roles").iterdir())
# What an inventory says about an environment, and what a run is told, are no options of one playbook.
_EVERYWHERE = re.compile(r"echobase_\w+|inventory_hostname|groups|wait")


def specs(role: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text())["argument_specs"]
    return found


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(CHECKOUT).as_posix())
def test_a_page_is_up_to_date(path: Path) -> None:
    assert path.read_text() == PAGES[path], "run make docs"


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_the_specs_and_the_defaults_of_a_role_say_the_same(role: Path) -> None:
    defaults = yaml.safe_load((role / "defaults" / "main.yml").read_text())
    options = {name: spec for entry in specs(role).values() for name, spec in entry["options"].items()}
    told = {name: spec["default"] for name, spec in options.items() if "default" in spec}
    assert told == {name: defaults.get(name) for name in told}
    # A default that is computed is in the defaults alone.
    assert [name for name, spec in options.items() if "default" not in spec and not spec.get("required") and name not in defaults] == []


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_a_role_says_what_it_changes_and_shows_an_example(role: Path) -> None:
    main = specs(role)["main"]
    assert main["description"][-1].startswith("On the host it ")
    assert f"echobase.platform.{role.name}" in main["examples"]


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_descriptions_are_full_sentences(role: Path) -> None:
    for entry in specs(role).values():
        for spec in (entry, *entry["options"].values()):
            texts = spec["description"] if isinstance(spec["description"], list) else [spec["description"]]
            assert [text for text in texts if not text.rstrip().endswith(".")] == []


def test_the_examples_of_roles_are_playbooks_whose_variables_exist(tmp_path: Path) -> None:
    examples = [entry["examples"] for role in ROLES for entry in specs(role).values() if "examples" in entry]
    options = {name for role in ROLES for entry in specs(role).values() for name in entry["options"]}
    plays = [play for example in examples for play in yaml.safe_load(example)]
    assert {name for play in plays for task in play["tasks"] for name in task.get("vars", {})} <= options
    (tmp_path / "examples.yml").write_text("\n".join(examples))
    command = [sys.executable, "-m", "ansible", "playbook", "--syntax-check", "-i", "tests/inventory", str(tmp_path / "examples.yml")]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def text_of(playbook: Playbook) -> str:
    """The playbook without its head, and what it runs."""
    own = (CHECKOUT / "playbooks" / playbook.file).read_text().partition("\n- ")[2]
    return own + "".join(text_of(other) for other in PLAYBOOKS if other.file in playbook.imports)


@pytest.mark.parametrize("playbook", PLAYBOOKS, ids=lambda playbook: playbook.name)
def test_the_head_of_a_playbook_names_every_variable_that_is_for_the_command_line(playbook: Playbook) -> None:
    plays = yaml.safe_load((CHECKOUT / "playbooks" / playbook.file).read_text())
    fixed = {name for play in plays if "hosts" in play for name, value in play.get("vars", {}).items() if "{{" not in str(value)}
    optional = {name for name in re.findall(r"\b(\w+) \| default\(", text_of(playbook)) if name.startswith(f"{playbook.name}_")}
    assert (fixed | optional) - {option.name for option in playbook.options} == set()


@pytest.mark.parametrize("playbook", PLAYBOOKS, ids=lambda playbook: playbook.name)
def test_the_options_of_a_playbook_exist(playbook: Playbook) -> None:
    of_roles = {name for role in ROLES for entry in specs(role).values() for name in entry["options"]}
    unknown = [
        option.name
        for option in playbook.options
        if option.name not in of_roles and not re.search(rf"\b{option.name}\b", text_of(playbook))
    ]
    assert unknown == []
    assert playbook.paragraphs[0]
    assert all(f"playbooks/{playbook.file}" in example for example in playbook.examples)
    assert playbook.examples


def documented() -> list[tuple[str, str, str]]:
    """Each `playbooks/x.yml … -e name=` that a page tells somebody to type."""
    files = [CHECKOUT / "README.md", CHECKOUT / "CONTRIBUTING.md", *(CHECKOUT / "docs").rglob("*.md")]
    commands = re.compile(r"(?:playbooks/)?\b(\w+)\.yml((?: +(?:-i \S+|--\w+|--tags \S+|-e ))[^`\n]*)?")
    return [
        (file.relative_to(CHECKOUT).as_posix(), name, option)
        for file in files
        if "decisions" not in file.parts
        for name, rest in commands.findall(file.read_text())
        if (CHECKOUT / "playbooks" / f"{name}.yml").exists()
        for option in re.findall(r"-e '?(\w+)=", rest)
    ]


def test_what_the_pages_tell_to_type_exists() -> None:
    known = {playbook.name: playbook for playbook in PLAYBOOKS}
    of_roles = {name for role in ROLES for entry in specs(role).values() for name in entry["options"]}

    def options_of(playbook: Playbook) -> set[str]:
        own = {option.name for option in playbook.options}
        return own.union(*(options_of(known[name.removesuffix(".yml")]) for name in playbook.imports))

    typed = documented()
    assert len(typed) > 40
    wrong = [one for one in typed if one[2] not in options_of(known[one[1]]) | of_roles and not _EVERYWHERE.fullmatch(one[2])]
    assert wrong == []


def test_playbooks_that_pages_name_exist() -> None:
    files = [CHECKOUT / "README.md", CHECKOUT / "CONTRIBUTING.md", *(CHECKOUT / "docs").rglob("*.md")]
    named = {name for file in files for name in re.findall(r"\bplaybooks/(\w+\.yml)", file.read_text())}
    assert [name for name in sorted(named) if not (CHECKOUT / "playbooks" / name).exists()] == []


def test_every_variable_of_an_environment_is_described() -> None:
    """What playbooks, roles, plugins of the controller and inventories say of an environment, by what they read."""
    folders = ("playbooks", "roles/*/tasks", "roles/*/defaults", "roles/*/templates", "inventories", "plugins/lookup", "plugins/action")
    files = [file for folder in folders for place in CHECKOUT.glob(folder) for file in place.rglob("*") if file.is_file()]
    read = {name for file in files if file.suffix != ".pyc" for name in re.findall(r"\bechobase_[a-z_]+", file.read_text())}
    assert read == set(environment_variables()), "tools/reference/inventory.yml has them"


def test_what_a_playbook_says_to_a_role_is_not_for_an_inventory() -> None:
    page = PAGES[CHECKOUT / "docs" / "reference" / "inventory.md"]
    assert "| `edge_hsts` |" in page and "| `durable_db_memory` |" in page
    assert "`edge_image`" not in page and "`app_stack_colour`" not in page


def test_markup_becomes_markdown() -> None:
    assert markdown("C(a) and O(b=c), see C(docs/operate/repair.md).", "roles/edge") == (
        "`a` and `b=c`, see [repair](../../docs/operate/repair.md)."
    )
    assert table(("a", "b"), [("1|2", "3")]) == ["| a | b |", "| --- | --- |", "| 1\\|2 | 3 |"]
