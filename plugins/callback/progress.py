# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Callback progress: what a slow task is doing, while it is doing it."""

from __future__ import annotations

DOCUMENTATION = r"""
name: progress
type: notification
short_description: Show what a slow task is doing
description:
  - Gives the play a private file in the environment variable C(ECHOBASE_PROGRESS). Modules that take it as their option C(progress)
    append lines to it, which are shown at once.
  - Works for tasks that run on the controller. It never breaks a run; without it modules are merely silent.
author:
  - The echobase.platform authors (@echobase)
"""

import os
import shutil
import tempfile
import threading
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase

VARIABLE = "ECHOBASE_PROGRESS"
_SECONDS_BETWEEN_LOOKS = 0.3
# The number of the process that the file belongs to follows.
_PREFIX = "echobase-progress-"


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "echobase.platform.progress"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._folder: Path | None = None
        self._finished = threading.Event()
        self._follower: threading.Thread | None = None

    def v2_playbook_on_start(self, playbook: Any) -> None:
        _sweep()
        try:
            self._folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
            file = self._folder / "lines"
            file.touch(mode=0o600)
        except OSError:
            return
        os.environ[VARIABLE] = str(file)
        self._follower = threading.Thread(target=self._follow, args=(file,), daemon=True)
        self._follower.start()

    def v2_playbook_on_stats(self, stats: Any) -> None:
        self._finished.set()
        if self._follower is not None:
            self._follower.join(timeout=2)
        if self._folder is not None:
            os.environ.pop(VARIABLE, None)
            shutil.rmtree(self._folder, ignore_errors=True)

    def _follow(self, file: Path) -> None:
        try:
            with file.open(encoding="utf-8", errors="replace") as stream:
                last = False
                while not last:
                    last = self._finished.wait(_SECONDS_BETWEEN_LOOKS)
                    for line in stream:
                        self._display.display(f"    · {line.rstrip()}")
        except OSError:
            return


def _sweep() -> None:
    """Removes what killed runs left behind; the files of somebody else are not ours to remove."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*-*"):
        process = folder.name.removeprefix(_PREFIX).partition("-")[0]
        if process.isdecimal() and not _runs(int(process)):
            shutil.rmtree(folder, ignore_errors=True)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
