"""What playbooks and roles say is a list where it has several lines: most callbacks show the line ends of one text as \\n."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from areas import CHECKOUT

FILES = [file for folder in ("playbooks", "roles") for file in sorted((CHECKOUT / folder).rglob("*.yml"))]


def messages(content: Any) -> list[Any]:
    """The messages of all tasks in a file, those in blocks included."""
    if isinstance(content, list):
        return [message for entry in content for message in messages(entry)]
    if not isinstance(content, dict):
        return []
    own = [content["ansible.builtin.debug"].get("msg")] if isinstance(content.get("ansible.builtin.debug"), dict) else []
    return own + [message for value in content.values() for message in messages(value)]


def has_several_lines(message: Any) -> bool:
    if isinstance(message, list):
        return any(has_several_lines(line) for line in message)
    return isinstance(message, str) and ("\n" in message.strip() or "join('\\n')" in message or "_nice_" in message)


SAYING = {file: found for file in FILES if (found := messages(yaml.safe_load(file.read_text())))}


@pytest.mark.parametrize("file", SAYING, ids=lambda file: file.relative_to(CHECKOUT).as_posix())
def test_several_lines_are_a_list(file: Path) -> None:
    assert [message for message in SAYING[file] if has_several_lines(message)] == []


def test_a_text_of_several_lines_is_noticed() -> None:
    block = "- block:\n    - ansible.builtin.debug:\n        msg: |-\n          one\n          two\n"
    joined = "- ansible.builtin.debug:\n    msg: \"{{ lines | join('\\n') }}\"\n"
    folded = "- ansible.builtin.debug:\n    msg: >-\n      one\n      two\n"
    assert [has_several_lines(*messages(yaml.safe_load(text))) for text in (block, joined, folded)] == [True, True, False]
    assert SAYING
