"""The orders that a server holds, and those that it has and another one lacks."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TextIO

from ansible_collections.echobase.platform.plugins.module_utils.database.console import ServerConsole


def orders(console: ServerConsole) -> Iterator[list[str]]:
    """The newest come first."""
    statements = console.engine.statements
    if console.query(statements.has_orders) == [["1"]]:
        yield from console.rows(statements.orders)


def write_ids(file: Path, listed: Iterable[list[str]]) -> None:
    with _private(file) as stream:
        stream.writelines(f"{order[0]}\n" for order in listed)


def discarded(file: Path, live: Iterable[list[str]], restored_ids: Path) -> int:
    """Writes the live orders that were not restored, one a line, columns apart by tabs; how many they are."""
    kept = set(restored_ids.read_text(encoding="utf-8").split())
    count = 0
    with _private(file) as stream:
        for order in live:
            if order[0] not in kept:
                stream.write("\t".join(order) + "\n")
                count += 1
    return count


def _private(file: Path) -> TextIO:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8")
