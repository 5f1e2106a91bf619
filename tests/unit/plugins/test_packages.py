"""The table of packages in docs/understand/architecture.md names each one that there is."""

from __future__ import annotations

import re
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[3]


def test_each_package_stands_in_the_table_and_its_init_file_is_empty() -> None:
    folders = [file.parent for file in (CHECKOUT / "plugins/module_utils").glob("*/__init__.py")]
    table = (CHECKOUT / "docs/understand/architecture.md").read_text().partition("| package |")[2].partition("\n\n")[0]
    assert sorted(re.findall(r"^\| `(\w+)`", table, re.MULTILINE)) == sorted(folder.name for folder in folders)
    # Ansible copies a package's __init__.py with each file of it: what it imports, every module would carry.
    assert not [file for folder in folders for file in folder.rglob("__init__.py") if file.read_text()]
