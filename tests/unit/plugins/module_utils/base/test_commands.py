from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.base.commands import Caller, caller_of, playbook

CHECKOUT = Path(__file__).parents[5]
PLUGINS = CHECKOUT / "plugins"
TEXT = f"first end it: {playbook('restore', restore_state='abandoned')} goes back; see {playbook('status')}"


@dataclass(frozen=True)
class Told:
    """One place where a user is told to run a playbook; values that are only known then are None."""

    where: str
    name: str
    variables: dict[str, str | None]


def told_by_code() -> Iterator[Told]:
    for file in sorted(PLUGINS.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "playbook":
                where = f"{file.relative_to(CHECKOUT)}:{node.lineno}"
                if file.parts[-2:] == ("lookup", "playbook.py"):
                    continue
                names = [one.value for one in ast.walk(node.args[0]) if isinstance(one, ast.Constant) and one.value in NAMES]
                assert names, f"{where} tells the user of a playbook that there is not"
                variables = {
                    str(keyword.arg): str(keyword.value.value) if isinstance(keyword.value, ast.Constant) else None
                    for keyword in node.keywords
                }
                yield from (Told(where, name, variables) for name in names)


def told_by_yaml() -> Iterator[Told]:
    call = re.compile(r"lookup\('echobase\.platform\.playbook', '(\w+)'((?:,\s*\w+=[^,)]+)*)\)")
    for file in yaml_files():
        for number, line in enumerate(file.read_text().splitlines(), 1):
            for name, variables in call.findall(line):
                where = f"{file.relative_to(CHECKOUT)}:{number}"
                assert name in NAMES, f"{where} tells the user of a playbook that there is not"
                given = dict(re.findall(r"(\w+)=([^,)]+)", variables))
                yield Told(where, name, {key: value.strip("'") if value.startswith("'") else None for key, value in given.items()})


def yaml_files() -> Sequence[Path]:
    return sorted([*CHECKOUT.glob("playbooks/*.yml"), *CHECKOUT.glob("roles/*/tasks/*.yml")])


NAMES = {file.stem for file in CHECKOUT.glob("playbooks/*.yml")}


def code_of(name: str) -> str:
    """The playbook, those that it imports, and what its roles say that they take; without comments."""
    text = (CHECKOUT / f"playbooks/{name}.yml").read_text()
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    imported = "\n".join(code_of(other) for other in re.findall(r"import_playbook: (\w+)\.yml", lines))
    roles = re.findall(r"name: echobase\.platform\.(\w+)", lines)
    return "\n".join([lines, imported, *((CHECKOUT / f"roles/{role}/defaults/main.yml").read_text() for role in roles)])


@pytest.mark.parametrize("told", [*told_by_code(), *told_by_yaml()], ids=lambda told: f"{told.name}-{told.where}")
def test_a_told_playbook_takes_the_told_variables(told: Told) -> None:
    code = code_of(told.name)
    for variable, value in told.variables.items():
        assert re.search(rf"\b{variable}\b", code), f"{told.where}: playbooks/{told.name}.yml takes no {variable}"
        choices = re.findall(rf"\b{variable} in \[([^\]]*)\]", code)
        if choices and value is not None and not value.startswith("<"):
            assert f"'{value}'" in choices[0], f"{told.where}: {variable} is one of {choices[0]}"


def test_enough_is_told_for_this_to_be_a_test() -> None:
    assert len(list(told_by_code())) > 60
    assert len(list(told_by_yaml())) > 10


def test_nobody_spells_a_command_in_another_way() -> None:
    """Not even partly: whoever is told `restore_state=abandoned` alone has to know of what."""
    spelled = re.compile(
        r"playbooks/\w+\.yml|ansible-playbook|\bmake [a-z]+`|\brun (?:the )?role\b|\b(?:restore|upgrade|promote_replica)_\w+="
    )
    own = {"module_utils/base/commands.py", "lookup/playbook.py"}
    found = [
        f"{file.relative_to(CHECKOUT)}:{line} {text[:80]!r}"
        for file in sorted([*PLUGINS.glob("module_utils/**/*.py"), *PLUGINS.glob("modules/*.py")])
        if str(file.relative_to(PLUGINS)) not in own
        for line, text in texts_in(file)
        if spelled.search(text)
    ]
    for file in yaml_files():
        for number, line in enumerate(file.read_text().splitlines(), 1):
            if not line.lstrip().startswith("#") and re.search(r"playbooks/\w+\.yml", line):
                found.append(f"{file.relative_to(CHECKOUT)}:{number} {line.strip()[:80]}")
    assert found == []


def texts_in(file: Path) -> Iterator[tuple[int, str]]:
    """All but docstrings and a module's documentation, with their lines."""
    tree = ast.parse(file.read_text())
    documentation = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr)
        or (isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in ("DOCUMENTATION", "EXAMPLES"))
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
            yield node.lineno, node.value


def test_variables_that_are_told_alone_exist() -> None:
    """Those of the inventory: which playbook is run with them is the user's own."""
    known = "\n".join(
        file.read_text()
        for file in [*CHECKOUT.glob("roles/*/defaults/main.yml"), *CHECKOUT.glob("playbooks/*.yml"), PLUGINS / "lookup/environment.py"]
    )
    alone = re.compile(r"\b((?:durable_db|db_migration|images|secrets|edge|traffic|echobase|app_stack)_[a-z_]+)=")
    missing = [
        f"{file.relative_to(CHECKOUT)}:{line} {name}"
        for file in sorted(PLUGINS.glob("module_utils/**/*.py"))
        for line, text in texts_in(file)
        for name in alone.findall(text)
        if not re.search(rf"\b{name}\b", known)
    ]
    assert missing == []


@pytest.mark.parametrize(
    ("caller", "told"),
    [
        (
            Caller("checkout", "inventories/ci"),
            "first end it: `ansible-playbook -i inventories/ci playbooks/restore.yml -e restore_state=abandoned` goes back;"
            " see `ansible-playbook -i inventories/ci playbooks/status.yml`",
        ),
        (
            Caller("collection", "hosts.yml"),
            "first end it: `ansible-playbook -i hosts.yml echobase.platform.restore -e restore_state=abandoned` goes back;"
            " see `ansible-playbook -i hosts.yml echobase.platform.status`",
        ),
        (
            Caller("awx"),
            "first end it: the job template of playbooks/restore.yml with restore_state=abandoned goes back;"
            " see the job template of playbooks/status.yml",
        ),
    ],
    ids=lambda value: value.kind if isinstance(value, Caller) else "",
)
def test_each_user_is_told_what_works_there(caller: Caller, told: str) -> None:
    assert caller.told(TEXT) == told


def test_several_variables_are_told_as_several() -> None:
    command = playbook("restore", restore_to="latest", restore_confirm="the volume")
    assert command == "`playbooks/restore.yml -e restore_to=latest -e restore_confirm='the volume'`"
    assert Caller("awx").told(command) == "the job template of playbooks/restore.yml with restore_to=latest, restore_confirm='the volume'"


def test_a_whole_answer_is_told() -> None:
    @dataclass(frozen=True)
    class Warned:
        event: str

    answer = {"msg": TEXT, "failed": True, "rows": [1, TEXT], "warnings": [Warned(TEXT)], "held_by": {"run": "x"}, "nothing": None}
    told = Caller("awx").told_all(answer)
    expected = Caller("awx").told(TEXT)
    assert told == {
        "msg": expected,
        "failed": True,
        "rows": [1, expected],
        "warnings": [Warned(expected)],
        "held_by": {"run": "x"},
        "nothing": None,
    }


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "checkout"
    (folder / "playbooks").mkdir(parents=True)
    (folder / "galaxy.yml").touch()
    return folder


def variables(playbooks: Path, *inventories: Path, **others: object) -> dict[str, object]:
    return {"playbook_dir": str(playbooks), "ansible_inventory_sources": [str(one) for one in inventories], **others}


def test_a_checkout_is_known_by_what_the_collection_is_built_from(checkout: Path) -> None:
    known = variables(checkout / "playbooks", checkout / "inventories/ci")
    assert caller_of(known, [], checkout) == Caller("checkout", "inventories/ci")
    elsewhere = caller_of(known, [], Path("/"))
    assert elsewhere == Caller("checkout", f"{checkout}/inventories/ci", f"{checkout}/playbooks")


def test_the_inventory_of_the_configuration_need_not_be_given(checkout: Path) -> None:
    known = variables(checkout / "playbooks", checkout / "inventories/devlocal")
    assert caller_of(known, [str(checkout / "inventories/devlocal")], checkout) == Caller("checkout")


def test_the_program_is_named_as_the_shell_finds_it(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = checkout / ".venv/bin/ansible-playbook"
    program.parent.mkdir(parents=True)
    program.touch(mode=0o755)
    known = variables(checkout / "playbooks")
    monkeypatch.setenv("PATH", "/usr/bin")
    for started in (str(program), ".venv/bin/ansible-playbook"):
        assert caller_of(known, [], checkout, started).program == ".venv/bin/ansible-playbook"
    monkeypatch.setenv("PATH", str(program.parent))
    assert caller_of(known, [], checkout, str(program)).program == "ansible-playbook"
    assert caller_of(known, [], checkout, "/usr/lib/python3/ansible/__main__.py").program == "ansible-playbook"


def test_an_installed_collection_and_playbooks_of_others_are_told_the_collections_names(tmp_path: Path) -> None:
    for folder in (tmp_path / "ansible_collections/echobase/platform/playbooks", tmp_path / "site"):
        known = variables(folder, tmp_path / "a.yml", Path("/etc/b.yml"))
        assert caller_of(known, [], tmp_path) == Caller("collection", "a.yml -i /etc/b.yml")


@pytest.mark.parametrize("name", ["awx_job_id", "tower_job_id"])
def test_awx_is_known_by_its_own_variables(checkout: Path, name: str) -> None:
    assert caller_of(variables(checkout / "playbooks", **{name: 7}), [], checkout).kind == "awx"
