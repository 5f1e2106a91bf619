"""What dies as a machine does: a playbook with every process it started, or a function at one of its steps."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any


def kill_with_descendants(process: subprocess.Popen[Any]) -> None:
    pids = [process.pid]
    for pid in pids:
        with suppress(OSError):
            pids += [int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()]
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.communicate()


def killed_at(step: str, run: Callable[[Callable[[str], None]], object]) -> None:
    """Runs a function in a process of its own, and kills that by SIGKILL when the function reaches this step."""

    def die(reached: str) -> None:
        if reached == step:
            os.kill(os.getpid(), signal.SIGKILL)

    child = os.fork()
    if child == 0:
        try:
            run(die)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), f"it never came to {step}"
