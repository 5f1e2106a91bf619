"""Sizes as Docker writes them: 512m, 1g."""

from __future__ import annotations

import re

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
_UNITS = {"": 1, "b": 1, "k": KIB, "m": MIB, "g": GIB, "t": GIB << 10}
_SIZE = re.compile(r"(\d+)([bkmgt]?)b?", re.IGNORECASE)


def byte_size(text: str, option: str) -> int:
    """Reads a size; a refusal names `option`, since that is what the user has to correct."""
    found = _SIZE.fullmatch(text.strip())
    if found is None or not int(found[1]):
        raise Refusal(f"{option} is '{text}', which is no size", "write a whole number and its unit: 512m, 2g")
    return int(found[1]) * _UNITS[found[2].lower()]


def told_size(size: int) -> str:
    """A size for people, with one digit behind the point where that says something."""
    for name, unit in (("GB", GIB), ("MB", MIB), ("kB", KIB)):
        if size >= unit:
            return f"{size / unit:.1f} {name}" if size < 100 * unit else f"{size / unit:.0f} {name}"
    return f"{size} bytes"
