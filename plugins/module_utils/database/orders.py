"""The orders that a server holds, and those that it has and another one lacks."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from ansible_collections.echobase.platform.plugins.module_utils.database.console import ServerConsole

# How many of the discarded orders a module shows; all of them are in a file.
_SHOWN = 20


def orders(console: ServerConsole) -> Iterator[list[str]]:
    """Yields all orders of a server, the newest first."""
    statements = console.engine.statements
    if console.query(statements.has_orders) == [["1"]]:
        yield from console.rows(statements.orders)


def write_ids(file: Path, listed: Iterable[list[str]]) -> None:
    with _private(file) as stream:
        stream.writelines(f"{order[0]}\n" for order in listed)


def discarded(file: Path, live: Iterable[list[str]], restored_ids: Path) -> int:
    """Writes the live orders that were not restored, one a line, columns apart by tabs; gives how many they are."""
    kept = set(restored_ids.read_text(encoding="utf-8").split())
    count = 0
    with _private(file) as stream:
        for order in live:
            if order[0] not in kept:
                stream.write("\t".join(order) + "\n")
                count += 1
    return count


def discarded_facts(file: Path | None) -> dict[str, Any]:
    """What a module tells of the file that `discarded` wrote: where it is, and the newest of the orders in it."""
    if file is None or not file.exists():
        return {"discarded_newest": [], "discarded_file": ""}
    with file.open(encoding="utf-8") as stream:
        newest = [line.rstrip("\n").replace("\t", "  ") for line in islice(stream, _SHOWN)]
    return {"discarded_newest": newest, "discarded_file": str(file)}


def _private(file: Path) -> TextIO:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8")
