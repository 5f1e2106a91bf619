"""Tells somebody: a command of the user's that gets one line of JSON on its standard input."""

from __future__ import annotations

import json
import shlex
import subprocess
from dataclasses import dataclass

_PATIENCE_SECONDS = 30


@dataclass(frozen=True)
class Notification:
    # It is written as one types it into a shell, but runs without one; empty means that nobody is told.
    command: str

    def send(self, **content: str) -> str:
        """Gives why nobody was told; empty when somebody was, or nobody wants to be."""
        if not self.command:
            return ""
        try:
            done = subprocess.run(
                shlex.split(self.command),
                input=json.dumps(content) + "\n",
                capture_output=True,
                text=True,
                timeout=_PATIENCE_SECONDS,
                check=False,
            )
        except (OSError, ValueError, subprocess.TimeoutExpired) as error:
            return f"the notification command failed: {error}"
        reason = done.stderr.strip().rpartition("\n")[2]
        return f"the notification command ended with {done.returncode}: {reason}" if done.returncode else ""
