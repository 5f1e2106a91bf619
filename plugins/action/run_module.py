# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Action of all modules of this collection: where a module runs, and which commands its answer tells the user.

On the machine that Ansible runs on, a module needs neither packing nor a process of its own. Ansible starts a process for each task anyway.
Where that process could do what the module's own would do, it does it: the connection is `local`, the user stays the same, and so does the
Python interpreter. Everywhere else the module travels as every module does.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import sys
from collections.abc import Mapping
from typing import Any

from ansible.module_utils import basic
from ansible.plugins.action.normal import ActionModule as NormalActionModule

from ansible_collections.echobase.platform.plugins.plugin_utils.caller import this_caller

try:
    from ansible.module_utils import _internal
    from ansible.module_utils.common.json import Direction, get_module_encoder
    from ansible.vars.clean import remove_internal_keys
except ImportError:
    # Ansible before 2.19 writes arguments down in another way, and from 2.21 on it reads answers in another one. With those every module is
    # started as ever.
    get_module_encoder = None

# The tasks of a play are children of the process that reads the action of its first task, release_lease: what nearly every module needs is
# loaded there once. Not every controller has it.
for _needed in ("docker", "ansible_collections.echobase.platform.plugins.module_utils.module.adapter"):
    with contextlib.suppress(ImportError):
        importlib.import_module(_needed)

# How arguments and answers are written down between Ansible and the modules of a collection.
_PROFILE = "legacy"


class ActionModule(NormalActionModule):
    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        return told(super().run(tmp, task_vars), task_vars or {})

    def _execute_module(
        self,
        module_name: str | None = None,
        module_args: dict[str, Any] | None = None,
        tmp: str | None = None,
        task_vars: dict[str, Any] | None = None,
        **others: Any,
    ) -> dict[str, Any]:
        known = task_vars or {}
        if not self._stays_here(known) or any(others.values()):
            return dict(super()._execute_module(module_name, module_args, tmp, known, **others))
        name = module_name or self._task.action
        arguments = self._task.args if module_args is None else module_args
        self._update_module_args(name, arguments, known)
        place = self._shared_loader_obj.module_loader.find_plugin_with_context(name, collection_list=self._task.collections)
        # Ansible starts the modules of this machine in that folder.
        with contextlib.chdir(self._loader.get_basedir()):
            printed = _printed_by(place.plugin_resolved_name, arguments)
        answer = dict(self._parse_returned_data({"stdout": printed, "stderr": ""}, _PROFILE))
        remove_internal_keys(answer)
        return answer

    def _stays_here(self, task_vars: dict[str, Any]) -> bool:
        delegate = self._task.delegate_to
        known = task_vars["ansible_delegated_vars"][delegate] if delegate else task_vars
        return (
            get_module_encoder is not None
            and self._connection.transport == "local"
            and self._connection.become is None
            and not self._task.async_val
            and not any(self._task.environment or [])
            and self._templar.template(known.get("ansible_python_interpreter")) == sys.executable
        )


def told(answer: dict[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
    """Replaces the commands in a module's answer by those that work where the user is."""
    return dict(this_caller(task_vars).told_all(answer))


def _printed_by(module: str, arguments: dict[str, Any]) -> str:
    """What the module prints: its answer. An exception that it does not catch is told by Ansible, as that of any action."""
    basic._ANSIBLE_ARGS = json.dumps(
        {"ANSIBLE_MODULE_ARGS": arguments}, cls=get_module_encoder(_PROFILE, Direction.CONTROLLER_TO_MODULE)
    ).encode()
    basic._ANSIBLE_PROFILE = _PROFILE
    printed = io.StringIO()
    # A warning is a part of the answer; only a plugin of the controller shows it at once.
    _internal.is_controller = False
    try:
        with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
            importlib.import_module(module).main()
    finally:
        _internal.is_controller = True
    return printed.getvalue()
