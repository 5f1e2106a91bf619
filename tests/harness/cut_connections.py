"""Playbooks over SSH whose connection is cut in their midst, in the ways in which that happens."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from harness.killed_runs import kill_with_descendants
from harness.remote_environment import RemoteEnvironment

# A task that has begun or ended, as callback `story` says it.
_STEP = re.compile(r"^  (ok|changed|running) ")
_NOTICED_SECONDS = 120


def kill_controller(shop: RemoteEnvironment, run: subprocess.Popen[str]) -> None:
    """As a job that is cancelled: everything of it is gone, the kept connection, too."""
    kill_with_descendants(run)
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (process / "cmdline").read_bytes()
            if b"ssh" in words and str(shop.host.folder / "cp").encode() in words:
                os.kill(int(process.name), signal.SIGKILL)


def kill_sessions(shop: RemoteEnvironment, run: subprocess.Popen[str]) -> None:
    for session in shop.host.sessions():
        with suppress(ProcessLookupError):
            os.kill(session, signal.SIGKILL)
    run.wait(_NOTICED_SECONDS)


def pull_the_plug(shop: RemoteEnvironment, run: subprocess.Popen[str]) -> None:
    """Nothing arrives any more, and nobody is told, until the run has given up."""
    with shop.host.unplugged():
        run.wait(_NOTICED_SECONDS)


WAYS: tuple[Callable[[RemoteEnvironment, subprocess.Popen[str]], None], ...] = (kill_controller, kill_sessions, pull_the_plug)


class Cut:
    """One run that is cut a moment after some step of it."""

    def __init__(self, shop: RemoteEnvironment, chance: random.Random, steps: int) -> None:
        self._shop = shop
        self._way = chance.choice(WAYS)
        self._step = chance.randint(1, steps)
        self._moment = chance.uniform(0, 1.5)
        self.output: list[str] = []

    def __str__(self) -> str:
        return f"{self._way.__name__} {self._moment:.1f} s after step {self._step}:\n{''.join(self.output[-12:])}"

    def run(self, playbook: str, *arguments: str) -> bool:
        """Whether the playbook was still running when it was cut."""
        run = self._shop.start(playbook, *arguments)
        reached = threading.Event()
        reader = threading.Thread(target=self._read, args=(run, reached))
        reader.start()
        reached.wait()
        # The moment is the chosen one, not a condition that could be awaited.
        with suppress(subprocess.TimeoutExpired):
            run.wait(self._moment)
        was_running = run.poll() is None
        if was_running:
            self._way(self._shop, run)
        reader.join()
        return was_running

    def _read(self, run: subprocess.Popen[str], reached: threading.Event) -> None:
        left = self._step
        # The killed process's output is closed by others than us.
        with suppress(ValueError):
            for line in run.stdout or ():
                self.output.append(line)
                left -= bool(_STEP.match(line))
                if not left:
                    reached.set()
        reached.set()
