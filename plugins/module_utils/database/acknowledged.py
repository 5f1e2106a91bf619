"""What customers were promised, as the application lists it (`database.acknowledged`), and what of that another server lacks.

The statement comes from the definition of the colour that is live. Where that has none, nobody can tell what a restore would discard.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from ansible_collections.echobase.platform.plugins.module_utils.application.stored import StoredDefinitions
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.database.console import ServerConsole
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment
from ansible_collections.echobase.platform.plugins.module_utils.traffic.nginx_routes import NginxRoutes

# How many of the discarded entries a module shows; all of them are in a file.
_SHOWN = 20
NOBODY_TOLD = "the application does not say what it has acknowledged (database.acknowledged), so nobody knows what would be lost"


def has_tables(console: ServerConsole) -> bool:
    """Whether the application has made anything in its database yet."""
    return console.query(console.engine.statements.count_tables) != [["0"]]


@dataclass(frozen=True)
class Acknowledged:
    """`statement` lists what was acknowledged, an identifier first, the newest first; it is empty where nobody told."""

    statement: str

    @classmethod
    def by_live_release(cls, env: Environment, engine: str) -> Acknowledged:
        """As the release tells it that serves; while none does, as any that was deployed."""
        try:
            routes = NginxRoutes(env.path("routes"))
            live = routes.current().weights.live if routes.exists() else []
        except Refusal:
            live = []
        for colour in (*live, *(name for name in env.colours if name not in live)):
            deployed = StoredDefinitions(env).of(colour)
            database = deployed.definition.settings.database if deployed else None
            if database and engine in database.acknowledged:
                return cls(database.acknowledged[engine])
        return cls("")

    def entries(self, console: ServerConsole) -> Iterator[list[str]]:
        """Yields all of a server's, in columns. A Refusal in the end where the statement failed."""
        if self.statement and has_tables(console):
            yield from console.rows(console.engine.statements.only_read.format(statement=self.statement.strip().rstrip(";")))

    def write_ids(self, console: ServerConsole, file: Path) -> str:
        """Gives why that was not possible; empty when it was."""
        file.unlink(missing_ok=True)
        if not self.statement:
            return NOBODY_TOLD
        try:
            _write_ids(file, self.entries(console))
        except Refusal as refusal:
            file.unlink(missing_ok=True)
            return f"the application's list of what it has acknowledged failed: {refusal.cause}"
        return ""

    def discarded(self, console: ServerConsole, file: Path, kept: Path) -> tuple[int, str]:
        """Writes those that are not among the kept, one a line; gives how many they are, or else why nobody knows."""
        if not self.statement:
            return 0, NOBODY_TOLD
        if not kept.exists():
            return 0, f"{kept} is missing, so nobody knows what would be lost"
        try:
            return discarded(file, self.entries(console), kept), ""
        except Refusal as refusal:
            return 0, f"the application's list of what it has acknowledged failed, so nobody knows what would be lost: {refusal.cause}"


def _write_ids(file: Path, listed: Iterable[list[str]]) -> None:
    with _private(file) as stream:
        stream.writelines(f"{entry[0]}\n" for entry in listed)


def discarded(file: Path, live: Iterable[list[str]], restored_ids: Path) -> int:
    """Writes the live entries that were not restored, one a line, columns apart by tabs; gives how many they are."""
    kept = set(restored_ids.read_text(encoding="utf-8").splitlines())
    count = 0
    with _private(file) as stream:
        for entry in live:
            if entry[0] not in kept:
                stream.write("\t".join(entry) + "\n")
                count += 1
    return count


def discarded_facts(file: Path | None) -> dict[str, Any]:
    """What a module tells of the file that `discarded` wrote: where it is, and the newest of the entries in it."""
    if file is None or not file.exists():
        return {"discarded_newest": [], "discarded_file": ""}
    with file.open(encoding="utf-8") as stream:
        newest = [line.rstrip("\n").replace("\t", "  ") for line in islice(stream, _SHOWN)]
    return {"discarded_newest": newest, "discarded_file": str(file)}


def _private(file: Path) -> TextIO:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8")
