"""A playbook that dies as a machine does: with every process it started, those in sessions of their own included."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any


def kill_with_descendants(process: subprocess.Popen[Any]) -> None:
    doomed = [process.pid]
    for pid in doomed:
        with suppress(OSError):
            doomed += [int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()]
    for pid in doomed:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.communicate()
