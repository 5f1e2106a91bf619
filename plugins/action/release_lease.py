# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Action of module release_lease: tells the host which run this is, and looks up on the controller whether another run still lives."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.echobase.platform.plugins.action.run_module import ActionModule as RunModule
from ansible_collections.echobase.platform.plugins.action.run_module import told
from ansible_collections.echobase.platform.plugins.module_utils.host.process_identity import ProcessIdentity
from ansible_collections.echobase.platform.plugins.plugin_utils.caller import owner


class ActionModule(RunModule):
    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = ActionBase.run(self, tmp, task_vars)
        # Each task runs in a child of the playbook's process, which lasts for the whole run.
        process = ProcessIdentity.of(os.getppid())
        arguments = dict(self._task.args) | {"holder": {"run": run_of(process), "owner": owner(task_vars or {}), **asdict(process)}}
        answer = self._execute_module(module_args=arguments, task_vars=task_vars)
        if ended := ended_run(answer):
            # The one that blocks us was started on this machine, too, and is gone. From the host this could not be seen.
            answer = self._execute_module(module_args=arguments | {"ended_run": ended}, task_vars=task_vars)
        result.update(answer)
        return told(result, task_vars or {})


def run_of(process: ProcessIdentity) -> str:
    return hashlib.sha256(repr(process).encode()).hexdigest()[:12]


def ended_run(answer: Mapping[str, Any]) -> str:
    """Gives the run that a refusal names as holder, if that was a run of this machine and has ended."""
    blocker = answer.get("held_by") if answer.get("failed") else None
    if not blocker:
        return ""
    process = ProcessIdentity(blocker["machine"], blocker["host"], blocker["process"], blocker["started"])
    return str(blocker["run"]) if process.has_ended else ""
