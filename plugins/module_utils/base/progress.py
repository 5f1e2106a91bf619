"""A slow operation says what it is doing; the callback `progress` shows it while the task still runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

# A module on another machine says its lines on its standard error, each after this sign; who runs it there takes them from it.
ON_STDERR = "-"
SIGN = "\x1e"

# The twin of doc_fragments/progress.py.
PROGRESS_ARGUMENTS: dict[str, dict[str, Any]] = {"progress": {"type": "str", "default": ""}}


class Progress:
    """Appends lines to a file that somebody may follow. Outside a playbook nobody does, and nothing is written."""

    def __init__(self, path: str | None) -> None:
        self._is_on_stderr = path == ON_STDERR
        self._path = Path(path) if path and not self._is_on_stderr else None

    def say(self, line: str) -> None:
        if self._is_on_stderr:
            print(SIGN + line.replace("\n", " "), file=sys.stderr, flush=True)
        if self._path is None or not self._path.is_file():
            return
        with self._path.open("a", encoding="utf-8") as stream:
            stream.write(line.replace("\n", " ") + "\n")
