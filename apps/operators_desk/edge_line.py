"""One line of the edge's access log."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class EdgeLine:
    entrance: str
    # Who answered; empty: no colour.
    colour: str
    status: int
    seconds: float
    # The page of its own that the edge answered with.
    error: str
    replayed_from: str
    # All of the line.
    entry: dict[str, Any]

    @classmethod
    def parsed(cls, line: bytes) -> EdgeLine | None:
        try:
            # In an address, nginx leaves bytes that are no UTF-8 as they are.
            entry = json.loads(line.decode("latin-1"))
            return cls(
                entrance=entry["entrance"],
                # The usual line names the colour that would have been asked. A client that hung up before had no answer of it.
                colour=entry["colour"] if entry["upstream_seconds"] else "",
                status=int(entry["status"]),
                seconds=float(entry["seconds"]),
                error=entry["error"],
                replayed_from=entry["replayed_from"],
                entry=entry,
            )
        except (ValueError, KeyError, TypeError):
            return None

    def text(self, name: str) -> str:
        return str(self.entry.get(name, ""))

    @property
    def path(self) -> str:
        return self.text("path").encode("latin-1", "replace").decode("utf-8", "replace")

    @property
    def trace_id(self) -> str:
        """Empty if nobody was told to keep the trace."""
        return self.text("trace_id") if self.entry.get("sampled") == "01" else ""
