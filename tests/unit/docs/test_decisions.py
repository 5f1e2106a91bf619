"""The decisions: each has the house's form, and the index names it once, under a topic."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from areas import CHECKOUT

FOLDER = CHECKOUT / "docs" / "decisions"
DECISIONS = sorted(FOLDER.glob("[0-9]*.md"))
INDEX = (FOLDER / "README.md").read_text()
# Without a price and a way back nobody can weigh a decision.
SECTIONS = ("Choice", "Why", "Price", "Undo")


@pytest.mark.parametrize("file", DECISIONS, ids=lambda file: file.stem)
def test_a_decision_has_a_title_with_its_number_and_every_section(file: Path) -> None:
    number = file.name[:3]
    text = file.read_text()
    assert re.match(rf"# {number} \S", text)
    assert [section for section in SECTIONS if not re.search(rf"^\*\*{section}\b", text, re.M)] == []


def test_every_number_is_given_once() -> None:
    assert [number for number, times in Counter(file.name[:3] for file in DECISIONS).items() if times > 1] == []


def test_the_index_has_every_decision_once_under_a_topic() -> None:
    topics = re.split(r"^## ", INDEX, flags=re.M)
    entries = [name for topic in topics[1:] for name in re.findall(r"^- \[[0-9]{3}\]\(([^)]+)\) \S", topic, re.M)]
    assert sorted(entries) == [file.name for file in DECISIONS]
    assert INDEX.count("](") == len(entries)


def test_the_index_says_the_number_that_the_link_leads_to() -> None:
    assert [pair for pair in re.findall(r"\[([0-9]{3})\]\(([0-9]{3})-", INDEX) if pair[0] != pair[1]] == []


def test_numbers_that_the_code_names_are_decisions() -> None:
    known = {file.name[:3] for file in DECISIONS}
    named = re.compile(r"\bdecisions?[ /](?:[0-9]{3} (?:to|and) )?([0-9]{3})\b")
    folders = ("plugins", "roles", "playbooks", "apps", "images", "tests", "bench", "docs")
    files = [file for folder in folders for kind in ("py", "yml", "md", "j2") for file in (CHECKOUT / folder).rglob(f"*.{kind}")]
    lost = [(str(file), number) for file in files if "node_modules" not in file.parts for number in named.findall(file.read_text())]
    assert [pair for pair in lost if pair[1] not in known] == []
