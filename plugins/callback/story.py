# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Callback story: a run as somebody tired wants to read it."""

from __future__ import annotations

DOCUMENTATION = r"""
name: story
type: stdout
short_description: A line for each step, and errors as they are meant
description:
  - Shows each task as one line with its outcome and, when it took long, its seconds. A task that takes long says that it is running.
  - A failure shows its message alone. With C(-v) everything is shown as by the default callback.
extends_documentation_fragment:
  - default_callback
  - result_format_callback
author:
  - The echobase.platform authors (@echobase)
"""

import threading
import time
from collections.abc import Mapping
from typing import Any

from ansible import constants as C  # noqa: N812 - that is its name everywhere in Ansible
from ansible.plugins.callback.default import CallbackModule as DefaultCallback

from ansible_collections.echobase.platform.plugins.plugin_utils.task_results import told_by_any_core

_SECONDS_UNTIL_RUNNING = 2.0
_SECONDS_WORTH_TELLING = 1.0
_NOT_TOLD = ("Validating arguments against arg spec",)


def readable_name(task: Any) -> str:
    """Gives a task's name such as `role: task`, without the collection's name."""
    role, separator, name = task.get_name().strip().rpartition(" : ")
    return f"{role.rpartition('.')[2]}: {name}" if separator else name


def failure_text(result: dict[str, Any]) -> str:
    """The module's own message; where that says nothing, the last words of the program that failed."""
    message = str(result.get("msg", "")).strip()
    if message and "Unknown error" not in message:
        return message.removeprefix("Task failed: ").removeprefix("Action failed: ").removeprefix("Module failed: ")
    words = str(result.get("stderr") or result.get("module_stderr") or result.get("stdout") or message).strip()
    return "\n".join(words.splitlines()[-3:])


def spoken(message: Any) -> str:
    """What a task says, as a person reads it: the lines of a list one below the other, and a record as YAML.

    Playbooks say several lines as a list, since every other callback shows that readably, too.
    """
    if isinstance(message, Mapping):
        from ansible.plugins.filter.core import to_nice_yaml  # noqa: PLC0415 - hardly any run says a record

        return str(to_nice_yaml(message, indent=2, sort_keys=False)).rstrip()
    if isinstance(message, list | tuple):
        return "\n".join(str(line) for line in message)
    return str(message)


class CallbackModule(DefaultCallback):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "echobase.platform.story"

    def __init__(self) -> None:
        super().__init__()
        self._started = time.monotonic()
        self._patience: threading.Timer | None = None
        self._heading = ""

    @property
    def _tells_all(self) -> bool:
        return bool(self._display.verbosity)

    def v2_playbook_on_play_start(self, play: Any) -> None:
        if self._tells_all:
            super().v2_playbook_on_play_start(play)
            return
        self._play = play
        # The play is named with its first step, since one whose steps are all skipped is not worth a line.
        self._heading = play.get_name().strip()

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        if self._tells_all:
            super().v2_playbook_on_task_start(task, is_conditional)
            return
        self._started = time.monotonic()
        self._cancel_reminder()
        name = readable_name(task)
        self._patience = threading.Timer(_SECONDS_UNTIL_RUNNING, self._step, ("running", name, C.COLOR_VERBOSE))
        self._patience.daemon = True
        self._patience.start()

    def v2_runner_on_ok(self, result: Any) -> None:
        if self._tells_all:
            super().v2_runner_on_ok(result)
            return
        self._cancel_reminder()
        told = told_by_any_core(result)
        self._handle_warnings(told.result)
        name = readable_name(told.task)
        if told.task.action in C._ACTION_ALL_INCLUDES or name.startswith(_NOT_TOLD) or f": {_NOT_TOLD[0]}" in name:
            return
        if told.task.action in C._ACTION_DEBUG:
            self._display.display(f"\n{spoken(told.result.get('msg', ''))}")
            return
        changed = told.result.get("changed", False)
        self._step("changed" if changed else "ok", name, C.COLOR_CHANGED if changed else C.COLOR_OK)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        if self._tells_all or ignore_errors:
            super().v2_runner_on_failed(result, ignore_errors)
            return
        self._cancel_reminder()
        told = told_by_any_core(result)
        self._handle_warnings(told.result)
        self._step("FAILED", readable_name(told.task), C.COLOR_ERROR)
        # The items of a loop have told their own failures already.
        if not (told.task.loop and "results" in told.result):
            self._tell_failure(told.result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        if self._tells_all:
            super().v2_runner_on_unreachable(result)
            return
        self._cancel_reminder()
        told = told_by_any_core(result)
        self._step("AWAY", readable_name(told.task), C.COLOR_UNREACHABLE)
        self._tell_failure(told.result)

    def v2_runner_item_on_failed(self, result: Any) -> None:
        if self._tells_all:
            super().v2_runner_item_on_failed(result)
            return
        self._cancel_reminder()
        self._tell_failure(told_by_any_core(result).result)

    def v2_runner_item_on_ok(self, result: Any) -> None:
        if self._tells_all:
            super().v2_runner_item_on_ok(result)

    def v2_runner_on_skipped(self, result: Any) -> None:
        self._cancel_reminder()
        if self._tells_all:
            super().v2_runner_on_skipped(result)

    def v2_playbook_on_include(self, included_file: Any) -> None:
        if self._tells_all:
            super().v2_playbook_on_include(included_file)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        self._cancel_reminder()
        super().v2_playbook_on_stats(stats)

    def _print_task_banner(self, task: Any) -> None:
        if self._tells_all:
            super()._print_task_banner(task)

    def _cancel_reminder(self) -> None:
        """Cancels the line that says that a step is still running, since it is over."""
        if self._patience is not None:
            self._patience.cancel()

    def _step(self, outcome: str, name: str, color: str) -> None:
        if self._heading:
            self._display.display(f"\n{self._heading}", color=C.COLOR_HIGHLIGHT)
            self._heading = ""
        seconds = time.monotonic() - self._started
        took = f"  ({seconds:.0f} s)" if outcome != "running" and seconds >= _SECONDS_WORTH_TELLING else ""
        self._display.display(f"  {outcome:<8} {name}{took}", color=color)

    def _tell_failure(self, result: dict[str, Any]) -> None:
        for line in failure_text(result).splitlines():
            self._display.display(f"           {line}", color=C.COLOR_ERROR)
