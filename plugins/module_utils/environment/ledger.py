"""The ledger of releases: one line an event, each carrying the hash of the one before."""

from __future__ import annotations

import datetime
import getpass
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.base.atomic_file import write_durably
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.environment.locks import ledger_lock
from ansible_collections.echobase.platform.plugins.module_utils.environment.published import share

EVENTS = (
    "deployed",
    "verified",
    "canary",
    "promoted",
    "rolled_back",
    "switched",
    "closed",
    "opened",
    "removed",
    "overridden",
    "migrated",
    "restored",
    "replica_promoted",
    "upgraded",
    "replayed",
    "discarded",
)
_FIRST = "0" * 64


def _digest(entry: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(entry, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def new_entry(
    event: str, colour: str, release: str, details: Mapping[str, Any], *, by: str = "", lease: int | None = None
) -> dict[str, Any]:
    """What happened now, by whoever runs this. `lease` is the number of the release lease under which it happened."""
    return {
        "at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "by": by or os.environ.get("SUDO_USER") or getpass.getuser(),
        "event": event,
        "colour": colour,
        "release": release,
        "details": dict(details),
        **({} if lease is None else {"lease": lease}),
    }


@dataclass(frozen=True)
class Ledger:
    path: Path

    def entries(self) -> list[dict[str, Any]]:
        """Every entry, oldest first; refuses a ledger that somebody changed."""
        if not self.path.exists():
            return []
        entries: list[dict[str, Any]] = []
        previous = _FIRST
        for number, line in enumerate(self.path.read_text().splitlines(), start=1):
            entry = self._parse(line, number)
            claimed = entry.get("hash")
            if entry.get("previous") != previous or claimed != _digest({k: v for k, v in entry.items() if k != "hash"}):
                raise Refusal(
                    f"{self.path} line {number} does not fit the line before it: the ledger was changed or cut",
                    self._remedy,
                )
            previous = str(claimed)
            entries.append(entry)
        return entries

    def append(self, entry: dict[str, Any]) -> dict[str, Any]:
        with ledger_lock(self.path):
            entries = self.entries()
            sealed = {**entry, "previous": entries[-1]["hash"] if entries else _FIRST}
            sealed["hash"] = _digest(sealed)
            lines = [json.dumps(one, sort_keys=True) for one in [*entries, sealed]]
            write_durably(self.path, "\n".join(lines) + "\n", mode=0o644)
            share(self.path)
        return sealed

    def _parse(self, line: str, number: int) -> dict[str, Any]:
        try:
            entry = json.loads(line)
        except ValueError:
            entry = None
        if not isinstance(entry, dict):
            raise Refusal(
                f"{self.path} line {number} is not a ledger entry",
                self._remedy,
            )
        return entry

    @property
    def _remedy(self) -> str:
        return f"put your own copy of it back, or begin a new one: mv {self.path} {self.path}.damaged"
