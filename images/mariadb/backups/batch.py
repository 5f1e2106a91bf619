"""What the archive is made of: consecutive logs of one server, in one snapshot."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backups import repository
from backups.binlog import Content
from backups.server import Sample

# This folder is in memory; a snapshot names it the same.
FOLDER = Path("/tmp/archive")
# This name sorts before the logs' names, so that the file comes before them out of a snapshot, too.
TIMES = ".times"
KIND = "binlog"
_MOST_LOGS = 64
_MOST_BYTES = 32 << 20


@dataclass
class Batch:
    """Each new log makes a new snapshot of all of them, which takes the place of the one before."""

    server: str
    # The numbers of the last transaction before it and of the last one in it.
    before: int = 0
    last: int = 0
    logs: list[str] = field(default_factory=list)
    times: list[Sample] = field(default_factory=list)
    snapshots: list[str] = field(default_factory=list)

    @classmethod
    def begin(cls, server: str) -> Batch:
        shutil.rmtree(FOLDER, ignore_errors=True)
        FOLDER.mkdir(mode=0o700)
        return cls(server)

    def add(self, log: str, content: Content) -> None:
        if not self.logs:
            self.before = content.before
        self.last = content.last
        self.logs.append(log)

    def store(self, until: int, times: list[Sample]) -> None:
        (FOLDER / TIMES).write_text(json.dumps(times), encoding="ascii")
        tags = {
            "kind": KIND,
            "server": self.server,
            "first": self.logs[0],
            "final": self.logs[-1],
            "before": str(self.before),
            "last": str(self.last),
            "until": str(until),
        }
        self.snapshots.append(repository.store_files(FOLDER, tags))

    @property
    def is_full(self) -> bool:
        return len(self.logs) >= _MOST_LOGS or sum(file.stat().st_size for file in FOLDER.iterdir()) > _MOST_BYTES


def superseded(snapshots: list[dict[str, Any]]) -> list[str]:
    """Gives the snapshots whose logs a later snapshot of the same batch has, too."""
    newest: dict[tuple[str, str], tuple[int, str]] = {}
    outdated = []
    for snapshot in snapshots:
        tags = repository.tags_of(snapshot)
        if tags.get("kind") != KIND:
            continue
        batch = (tags["server"], tags["first"])
        candidate = (number(tags["final"]), snapshot["id"])
        if batch in newest:
            outdated.append(min(newest[batch], candidate)[1])
        newest[batch] = max(newest.get(batch, candidate), candidate)
    return outdated


def number(log: str) -> int:
    return int(log.rpartition(".")[2])


def final_archived(snapshots: list[dict[str, Any]], server: str) -> int:
    """The number of its last log; 0 without any."""
    tags = (repository.tags_of(snapshot) for snapshot in snapshots)
    return max((number(entry["final"]) for entry in tags if entry.get("kind") == KIND and entry["server"] == server), default=0)
