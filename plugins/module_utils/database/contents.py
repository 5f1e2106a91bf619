"""What the tables of two databases hold, compared: rows and a checksum of each."""

from __future__ import annotations

from collections.abc import Mapping


def differences(expected: Mapping[str, tuple[int, str]], found: Mapping[str, tuple[int, str]]) -> str:
    """Says in a user's words what differs; empty when nothing does."""
    return ", ".join(
        f"{table} has {_described(found.get(table))} instead of {_described(expected.get(table))}"
        for table in sorted(expected.keys() | found.keys())
        if expected.get(table) != found.get(table)
    )


def _described(content: tuple[int, str] | None) -> str:
    return f"{content[0]} rows (checksum {content[1][:12]})" if content else "no such table"
