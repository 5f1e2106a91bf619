"""The command that a user is told to type: written in one way by all of our code, and shown in the way that works where the user is.

Code that tells somebody to run a playbook does not know where it runs itself: a module runs on the target, and a playbook is started from a
checkout, by the name that an installed collection gives it, or by AWX. So messages have the command as `playbook` writes it, and whoever
hands a module's answer to Ansible, on the controller, puts the real one in its place (plugins/action/run_module.py).
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Literal

COLLECTION = "echobase.platform"
LOOK_FOR_DISK_ERRORS = "look for errors of the disk with journalctl --dmesg --priority err"
_COMMAND = re.compile(r"`playbooks/(?P<name>\w+)\.yml(?P<variables>(?: -e [^`]+)?)`")
# AWX hands a job these variables, by its name and by the one of the product before.
_AWX = ("awx_job_id", "tower_job_id")


def playbook(name: str, **variables: object) -> str:
    """The command that runs this playbook with these variables, for a message. A test looks whether it takes them."""
    return f"`playbooks/{name}.yml{_options(variables)}`"


@dataclass(frozen=True)
class Caller:
    """How playbooks are started where the user is."""

    kind: Literal["checkout", "collection", "awx"]
    # The inventory that is given to Ansible with -i; it is empty where none need be given.
    inventory: str = ""
    # In a checkout: the folder of the playbooks, from where the user is.
    folder: str = "playbooks"
    program: str = "ansible-playbook"

    def told(self, text: str) -> str:
        """The text with the commands in it as this user has to type them."""
        return _COMMAND.sub(lambda found: self._command(found["name"], found["variables"]), text)

    def told_all(self, answer: Any) -> Any:
        """Puts the commands into every text of a module's answer; Ansible has warnings in records of its own."""
        if isinstance(answer, str):
            return self.told(answer) if _COMMAND.search(answer) else answer
        if isinstance(answer, Mapping):
            return {name: self.told_all(value) for name, value in answer.items()}
        if isinstance(answer, list | tuple):
            return type(answer)(self.told_all(value) for value in answer)
        if is_dataclass(answer) and not isinstance(answer, type):
            return replace(answer, **{field.name: self.told_all(getattr(answer, field.name)) for field in fields(answer)})
        return answer

    def _command(self, name: str, variables: str) -> str:
        if self.kind == "awx":
            given = variables.removeprefix(" -e ").replace(" -e ", ", ")
            return f"the job template of playbooks/{name}.yml" + (f" with {given}" if given else "")
        what = f"{self.folder}/{name}.yml" if self.kind == "checkout" else f"{COLLECTION}.{name}"
        return f"`{self.program}{f' -i {self.inventory}' if self.inventory else ''} {what}{variables}`"


def caller_of(variables: Mapping[str, Any], default_inventories: Sequence[str], here: Path, program: str = "") -> Caller:
    """Follows from a task's variables, and from `program`, which the user started, in the folder `here`.

    `default_inventories` are those that Ansible takes where none is given.
    """
    given = [str(source) for source in variables.get("ansible_inventory_sources") or []]
    inventory = "" if given == list(default_inventories) else " -i ".join(_seen_from(here, source) for source in given)
    if any(name in variables for name in _AWX):
        return Caller("awx", inventory)
    playbooks = Path(str(variables.get("playbook_dir", "")))
    # An installed collection has no galaxy.yml: it is what the collection is built from.
    is_checkout = playbooks.name == "playbooks" and (playbooks.parent / "galaxy.yml").is_file()
    started = _started(program, here)
    if is_checkout:
        return Caller("checkout", inventory, _seen_from(here, str(playbooks)), started)
    return Caller("collection", inventory, program=started)


def _started(program: str, here: Path) -> str:
    """Gives how the user typed the program: its name is enough where the shell finds it by that."""
    name = Caller.program
    return name if Path(program).name != name or shutil.which(name) == program else _seen_from(here, str(here / program))


def _seen_from(here: Path, place: str) -> str:
    """Gives the path from the folder where the user is, if it lies below that; else the whole path."""
    return os.path.relpath(place, here) if place.startswith(f"{here}/") else place


def _options(variables: Mapping[str, object]) -> str:
    return "".join(f" -e {name}={_quoted(str(value))}" for name, value in variables.items())


def _quoted(value: str) -> str:
    return f"'{value}'" if " " in value and not value.startswith("<") else value
