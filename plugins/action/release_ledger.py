# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Action of module release_ledger: tells the host who started this run, and which trace it is, where it is one."""

from __future__ import annotations

import os
from typing import Any

from ansible_collections.echobase.platform.plugins.action.run_module import ActionModule as RunModule
from ansible_collections.echobase.platform.plugins.plugin_utils.caller import owner
from ansible_collections.echobase.platform.plugins.plugin_utils.run_trace import VARIABLE


class ActionModule(RunModule):
    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        self._task.args = {"by": owner(task_vars or {}), **self._task.args}
        if trace_id := os.environ.get(VARIABLE):
            self._task.args = {**self._task.args, "trace_id": trace_id}
        return super().run(tmp, task_vars)
