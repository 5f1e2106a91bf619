"""`ansible-doc` shows everything that users of the collection name in their playbooks: what is there today, and what will be added."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from areas import CHECKOUT

PREFIX = "echobase.platform"
# Actions are documented by their modules, and fragments are parts of what is documented; the others are Python that plugins import.
WITHOUT_PAGES = {"action", "doc_fragments", "module_utils", "plugin_utils"}


def names_in(folder: Path) -> set[str]:
    """Of a file the plugin in it; a file of filters has several."""
    files = [file.stem for file in folder.glob("*.py") if file.stem != "__init__"]
    if folder.name not in ("filter", "test"):
        return set(files)
    kind = f"{folder.name.capitalize()}Module"
    plugins = [getattr(importlib.import_module(f"ansible_collections.{PREFIX}.plugins.{folder.name}.{file}"), kind)() for file in files]
    return {name for plugin in plugins for name in getattr(plugin, f"{folder.name}s")()}


def documented() -> dict[str, set[str]]:
    """Names by the type that `ansible-doc -t` takes."""
    folders = [
        folder for folder in (CHECKOUT / "plugins").iterdir() if folder.is_dir() and folder.name not in WITHOUT_PAGES | {"__pycache__"}
    ]
    found = {"module" if folder.name == "modules" else folder.name: names_in(folder) for folder in folders}
    return found | {"role": {role.name for role in (CHECKOUT / "roles").iterdir() if role.is_dir()}}


DOCUMENTED = documented()


def ansible_doc(kind: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "ansible", "doc", "-t", kind, *arguments], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    return done.stdout


@pytest.mark.parametrize("kind", sorted(DOCUMENTED))
def test_ansible_doc_knows_all_of_a_kind(kind: str) -> None:
    names = sorted(f"{PREFIX}.{name}" for name in DOCUMENTED[kind])
    shown: dict[str, Any] = json.loads(ansible_doc(kind, "--json", *names))
    assert sorted(shown) == names
    for name, page in shown.items():
        parts = list(page["entry_points"].values()) if kind == "role" else [page["doc"]]
        assert [part for part in parts if not part.get("short_description")] == [], name
        assert kind in {"role", "callback"} or page["examples"], name


@pytest.mark.parametrize("kind", sorted(DOCUMENTED))
def test_ansible_doc_shows_a_page_to_people(kind: str) -> None:
    """Its pages are written by other code than its records."""
    names = [f"{PREFIX}.{name}" for name in DOCUMENTED[kind]]
    text = ansible_doc(kind, *names)
    assert [name for name in names if name not in text] == []


def test_all_kinds_are_walked_over() -> None:
    assert {"module", "role", "filter", "lookup", "callback"} <= set(DOCUMENTED)
    assert all(DOCUMENTED.values())
