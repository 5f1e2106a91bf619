"""What a build says: its current step and latest lines, told to those who watch at a readable pace."""

from __future__ import annotations

import re
import time
from collections import deque
from dataclasses import dataclass, field

from ansible_collections.echobase.platform.plugins.module_utils.base.progress import Progress

_LINES = 15
_LINE_LENGTH = 300
_TOLD_LENGTH = 100
_SECONDS_BETWEEN_LINES = 5.0
_ENGINE_NOTES = ("--->", "Removing intermediate container")
_TERMINAL_CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass
class BuildLog:
    name: str
    progress: Progress
    verb: str = "building"
    started: float = field(default_factory=time.monotonic)
    step: str = ""
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=_LINES))
    _told: float = 0.0
    _begun: str = ""

    def add(self, text: str) -> None:
        """Takes text as it comes: the engine cuts it anywhere, also within a line."""
        *complete, self._begun = (self._begun + _TERMINAL_CODES.sub("", text).replace("\r", "\n")).split("\n")
        for line in complete:
            self._take(" ".join(line.split()))

    def close(self) -> None:
        self.add("\n")

    def _take(self, line: str) -> None:
        if not line or line.startswith(_ENGINE_NOTES):
            return
        if line.startswith("Step "):
            self.step = line[:_LINE_LENGTH]
            self.lines.clear()
            # Other steps take no time.
            if " : RUN " in line:
                self.tell(line)
            return
        self.lines.append(line[:_LINE_LENGTH])
        if time.monotonic() - self._told >= _SECONDS_BETWEEN_LINES:
            self.tell(line)

    def tell(self, line: str) -> None:
        self._told = time.monotonic()
        self.progress.say(f"{self.verb} {self.name} ({self._told - self.started:.0f} s): {line[:_TOLD_LENGTH]}")
