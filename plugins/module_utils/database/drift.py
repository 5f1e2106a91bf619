"""The differences between two configurations, as lines for people."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

_NOTHING = "nothing"


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Compares two configurations as `ServerDefinition.picture` gives them."""
    old, new = dict(_leaves(before)), dict(_leaves(after))
    return [
        f"{name}: {old.get(name, _NOTHING)} -> {new.get(name, _NOTHING)}"
        for name in dict.fromkeys([*old, *new])
        if old.get(name) != new.get(name)
    ]


def _leaves(tree: dict[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{path}{name}.")
        elif value and isinstance(value, list) and all(isinstance(element, dict) and "target" in element for element in value):
            yield from ((f"{path}{name} {mount['target']}", _text(mount.get("source", mount))) for mount in value)
        else:
            yield f"{path}{name}", _text(value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)
