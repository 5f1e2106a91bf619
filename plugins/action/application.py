# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Action of module application: another machine gets the small files that Compose reads beside the Compose file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.echobase.platform.plugins.action.run_module import ActionModule as RunModule
from ansible_collections.echobase.platform.plugins.action.run_module import told
from ansible_collections.echobase.platform.plugins.module_utils.application.sent_project import files_to_send
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.plugin_utils.hosts_files import is_the_controller


class ActionModule(RunModule):
    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        # A path may be relative to the folder where Ansible was started.
        file = Path(self._task.args.get("file", "")).expanduser().absolute()
        if is_the_controller(self):
            return dict(super().run(tmp, task_vars))
        try:
            if self._task.args.get("working_tree"):
                raise Refusal(
                    f"{file.parent} is on the machine where Ansible runs, and the working tree is served from there",
                    "watch it in an environment of that machine, such as devlocal",
                )
            if not file.is_file():
                raise Refusal(f"there is no Compose file {file}", "set echobase_application to the path of your application's Compose file")
            variables = {name: str(value) for name, value in (self._task.args.get("variables") or {}).items()}
            self._task.args = {**self._task.args, "file": str(file), "sent": files_to_send(file, variables)}
        except Refusal as refusal:
            return told({"failed": True, "msg": str(refusal)}, task_vars or {})
        return dict(super().run(tmp, task_vars))
