"""All pages that are generated, with what they should say."""

from __future__ import annotations

from pathlib import Path

from reference.inventory_page import inventory_page
from reference.names_page import names_page
from reference.playbook_page import playbooks, playbooks_page
from reference.role_readme import role_readme

CHECKOUT = Path(__file__).resolve().parents[2]


def pages() -> dict[Path, str]:
    known = playbooks(CHECKOUT / "playbooks")
    found = {role / "README.md": role_readme(role, known) for role in sorted((CHECKOUT / "roles").iterdir())}
    folder = CHECKOUT / "docs" / "reference"
    return found | {
        folder / "playbooks.md": playbooks_page(known),
        folder / "names-and-ports.md": names_page(),
        folder / "inventory.md": inventory_page(CHECKOUT),
    }
