"""Whoever is told where the backups are is told all of it: without its region the same bucket is another one."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.echobase.platform.plugins.module_utils.environment.backup_target import BACKUP_ARGUMENTS

CHECKOUT = Path(__file__).parents[5]
_SOON = 12
PARTS = {name for name in BACKUP_ARGUMENTS if name.startswith("backup_")}


def key_of(line: str) -> str:
    return line.strip().partition(":")[0]


def test_every_playbook_and_role_gives_all_of_it() -> None:
    """Each task, or defaults of a module, that gives the target gives its other parts soon after it."""
    told, lacking = 0, []
    for file in sorted([*CHECKOUT.glob("playbooks/*.yml"), *CHECKOUT.glob("roles/*/tasks/*.yml")]):
        lines = file.read_text().splitlines()
        for number, line in enumerate(lines):
            if key_of(line) == "backup_target":
                told += 1
                if missing := PARTS - {key_of(one) for one in lines[number : number + _SOON]}:
                    lacking.append(f"{file.name}:{number + 1} lacks {', '.join(sorted(missing))}")
    assert lacking == []
    assert told > 5
