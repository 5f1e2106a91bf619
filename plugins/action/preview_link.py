# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Action of module preview_link: who reads a job's log need not be somebody who may open the preview."""

from __future__ import annotations

import os
import tempfile
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean

from ansible_collections.echobase.platform.plugins.action.run_module import ActionModule as RunModule
from ansible_collections.echobase.platform.plugins.plugin_utils.caller import is_watched


class ActionModule(RunModule):
    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        answer = super().run(tmp, task_vars)
        shown = boolean(self._task.args["show"]) if self._task.args.get("show") is not None else is_watched(task_vars or {})
        if shown or "url" not in answer:
            return answer
        return {**answer, "url": "", "file": "" if self._task.check_mode else kept(str(answer["url"]))}


def kept(link: str) -> str:
    """Writes the link into a new file that only the user of this run can read."""
    descriptor, file = tempfile.mkstemp(prefix="echobase-preview-")
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(f"{link}\n")
    return file
