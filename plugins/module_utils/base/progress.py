"""A slow operation says what it is doing; the callback `progress` shows it while the task still runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

# The twin of doc_fragments/progress.py.
PROGRESS_ARGUMENTS: dict[str, dict[str, Any]] = {"progress": {"type": "str", "default": ""}}


class Progress:
    """Appends lines to a file that somebody may follow. Outside a playbook nobody does, and nothing is written."""

    def __init__(self, path: str | None) -> None:
        self._path = Path(path) if path else None

    def say(self, line: str) -> None:
        if self._path is None or not self._path.is_file():
            return
        with self._path.open("a", encoding="utf-8") as stream:
            stream.write(line.replace("\n", " ") + "\n")
