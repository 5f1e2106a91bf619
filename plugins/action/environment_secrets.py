# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Action of module environment_secrets: secrets that an application has in files are read on the controller, where those files are."""

from __future__ import annotations

from typing import Any

from ansible_collections.echobase.platform.plugins.action.run_module import ActionModule as RunModule
from ansible_collections.echobase.platform.plugins.action.run_module import told
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.credentials.files_of_application import read_files
from ansible_collections.echobase.platform.plugins.plugin_utils.hosts_files import is_the_controller


class ActionModule(RunModule):
    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        files = self._task.args.get("application_files")
        if files and not is_the_controller(self):
            try:
                self._task.args = {**self._task.args, "application_files": {}, "application_values": read_files(files)}
            except Refusal as refusal:
                return told({"failed": True, "msg": str(refusal)}, task_vars or {})
        return dict(super().run(tmp, task_vars))
