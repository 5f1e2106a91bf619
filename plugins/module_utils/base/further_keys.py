"""Secrets that were renewed while what they encrypt keeps the older ones: the first has a bare name, the others have a number behind it."""

from __future__ import annotations

import re
from collections.abc import Mapping


def further_keys(values: Mapping[str, str], name: str) -> dict[int, str]:
    """The keys after the first one, by their numbers."""
    found = ((re.fullmatch(rf"{name}_(\d+)", secret), value) for secret, value in values.items())
    return dict(sorted((int(match[1]), value) for match, value in found if match))
