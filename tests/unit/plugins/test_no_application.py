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
# A shrinking list. Whoever takes the last word out of a file takes its line out here.
STILL = {
    # Keys of the order system's tokens and notes, until rotation is a job of the application's.
    "playbooks/rotate_secrets.yml",
    "plugins/module_utils/colours/gateways.py",
    "plugins/module_utils/credentials/files.py",
    "plugins/module_utils/credentials/secret_kinds.py",
    "plugins/module_utils/credentials/token_keys.py",
    "plugins/module_utils/rotation/kinds.py",
    "plugins/module_utils/rotation/note_key.py",
    "plugins/module_utils/rotation/token_key.py",
    "plugins/modules/application_key.py",
    # Names that a service behind which others stand often has.
    "plugins/module_utils/application/first_block.py",
    # It is what is deployed where nobody names another one.
    "roles/application/README.md",
    "roles/application/defaults/main.yml",
    "roles/application/meta/argument_specs.yml",
    # Its dashboards and alerts.
    "roles/observability/",
}


def files() -> list[Path]:
    found = [path for folder in FOLDERS for path in (CHECKOUT / folder).rglob("*")]
    return [path for path in found if path.is_file() and "__pycache__" not in path.parts]


def test_no_file_beyond_these_knows_the_order_systems_words() -> None:
    assert len(files()) > 300
    named = []
    for path in files():
        place = str(path.relative_to(CHECKOUT))
        if place not in STILL and not place.startswith(tuple(one for one in STILL if one.endswith("/"))):
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            named += [f"{place}:{number}: {line.strip()}" for number, line in enumerate(lines, 1) if WORDS.search(line)]
    assert named == []


@pytest.mark.parametrize("place", sorted(STILL))
def test_a_file_of_the_list_still_needs_its_line(place: str) -> None:
    path = CHECKOUT / place
    among = path.rglob("*") if path.is_dir() else [path]
    assert any(WORDS.search(file.read_text(encoding="utf-8", errors="replace")) for file in among if file.is_file())


@pytest.mark.parametrize(
    "line", ["in this order", "the order is the point", "order: Order", "orderly", 'gateway="10.0.0.1"', "DEBIAN_FRONTEND"]
)
def test_everyday_words_may_stay(line: str) -> None:
    assert not WORDS.search(line)
