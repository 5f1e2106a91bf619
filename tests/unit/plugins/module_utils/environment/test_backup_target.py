"""Whoever is told where the backups are is told all of it: without its region the same bucket is another one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.echobase.platform.plugins.module_utils.environment.backup_target import BACKUP_ARGUMENTS

CHECKOUT = Path(__file__).parents[5]
COLLECTION = "echobase.platform."
GROUP = f"group/{COLLECTION}backups"
RUNTIME = yaml.safe_load((CHECKOUT / "meta/runtime.yml").read_text())
MEMBERS = {f"{COLLECTION}{name}" for name in RUNTIME["action_groups"]["backups"]}


def tasks_in(node: Any) -> Iterator[dict[str, Any]]:
    for task in node or []:
        yield task
        for part in ("block", "rescue", "always"):
            yield from tasks_in(task.get(part))


def test_the_group_has_every_module_that_takes_these_arguments() -> None:
    taking = {
        f"{COLLECTION}{file.stem}"
        for file in CHECKOUT.glob("plugins/modules/*.py")
        if re.search(r"\*\*(?:BACKUP|SERVER)_ARGUMENTS", file.read_text())
    }
    assert taking == MEMBERS


@pytest.mark.parametrize("file", sorted(CHECKOUT.glob("playbooks/*.yml")), ids=lambda file: file.stem)
def test_a_play_gives_all_of_it_to_all_by_the_group(file: Path) -> None:
    for play in yaml.safe_load(file.read_text()):
        tasks = [task for part in ("pre_tasks", "tasks", "post_tasks") for task in tasks_in(play.get(part))]
        defaults = play.get("module_defaults", {})
        if any(MEMBERS & set(task) for task in tasks):
            assert set(defaults.get(GROUP, {})) == set(BACKUP_ARGUMENTS)
        of_its_own = [defaults.get(member, {}) for member in MEMBERS]
        of_its_own += [task[member] or {} for task in tasks for member in MEMBERS & set(task)]
        assert not [given for given in of_its_own if set(given) & set(BACKUP_ARGUMENTS)]


@pytest.mark.parametrize("file", sorted(CHECKOUT.glob("roles/*/tasks/*.yml")), ids=lambda file: f"{file.parts[-3]}-{file.stem}")
def test_a_role_gives_all_of_it_itself(file: Path) -> None:
    """It may be used in a play of others, which knows nothing of the group."""
    for task in tasks_in(yaml.safe_load(file.read_text())):
        for member in MEMBERS & set(task):
            assert set(task[member]) >= set(BACKUP_ARGUMENTS), f"task {task['name']}"
