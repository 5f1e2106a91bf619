"""Nothing that deploys knows the application that it deploys: the order system is an example (docs/reference/x-echobase.md)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[3]
FOLDERS = ("plugins", "roles", "playbooks")
# `order` alone is a sequence, or what somebody wants of the traffic; `gateway` alone an address of a network.
WORDS = re.compile(
    r"\borders\b|\border[-_ ](id|processor|system|book)\b|\ban order\b|place_order"
    r"|\bapi[-_ ]gateway\b|\bgateways\b|\bfrontend|\bfront end\b|localstack|\bjwt|\bsqs\b",
    re.IGNORECASE,
)
# Where its words may stand, and why.
MAY = {
    # It is what is deployed where nobody names another one.
    "roles/application/README.md": r"apps/orders/compose\.yml|the order system",
    "roles/application/defaults/main.yml": r"apps/orders/compose\.yml",
    "roles/application/meta/argument_specs.yml": r"the order system",
    # A name that services often have, and a claim that secrets often stand in.
    "plugins/module_utils/application/first_block.py": r'"frontend"',
    "roles/observability/templates/redaction.j2": r"token\|jwt",
}


def files() -> list[Path]:
    found = [path for folder in FOLDERS for path in (CHECKOUT / folder).rglob("*")]
    return [path for path in found if path.is_file() and "__pycache__" not in path.parts]


def naming_lines(path: Path, place: str) -> list[str]:
    may = re.compile(MAY.get(place, r"(?!)"))
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return [f"{place}:{number}: {line.strip()}" for number, line in enumerate(lines, 1) if WORDS.search(line) and not may.search(line)]


def test_no_file_knows_the_order_systems_words() -> None:
    assert len(files()) > 300
    assert [line for path in files() for line in naming_lines(path, str(path.relative_to(CHECKOUT)))] == []


@pytest.mark.parametrize("place", sorted(MAY))
def test_an_exception_is_needed(place: str) -> None:
    assert re.search(MAY[place], (CHECKOUT / place).read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "line", ["in this order", "the order is the point", "order: Order", "orderly", 'gateway="10.0.0.1"', "DEBIAN_FRONTEND"]
)
def test_everyday_words_may_stay(line: str) -> None:
    assert not WORDS.search(line)
