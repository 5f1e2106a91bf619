# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Action of all modules of this collection: where a module runs, and which commands its answer tells the user.

On the machine that Ansible runs on, a module needs neither packing nor a process of its own. Ansible starts a process for each task anyway.
Where that process could do what the module's own would do, it does it: the connection is `local`, the user stays the same, and so does the
Python interpreter.

Over SSH the modules of a playbook share one connection to a process that has their code (plugin_utils/module_connection.py), which saves
most of what a task takes. Where a password is asked for, or that process cannot be started, the module travels as every module does.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import shlex
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ansible import constants as C  # noqa: N812 - that is its name everywhere in Ansible
from ansible.errors import AnsibleConnectionFailure
from ansible.module_utils import basic
from ansible.plugins.action import ActionBase
from ansible.plugins.action.normal import ActionModule as NormalActionModule

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.base.progress import ON_STDERR
from ansible_collections.echobase.platform.plugins.plugin_utils.caller import this_caller
from ansible_collections.echobase.platform.plugins.plugin_utils.module_connection import BOOTSTRAP, ConnectionLost, NotPossible, Way

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

    def _answer_of(self, work: Callable[[], dict[str, Any]], tmp: str | None, task_vars: dict[str, Any] | None) -> dict[str, Any]:
        """What `work` gives, which runs the module in its own way and may refuse on the controller, as a module does on its host."""
        result: dict[str, Any] = ActionBase.run(self, tmp, task_vars)
        try:
            return result | work()
        except Refusal as refusal:
            return result | {"failed": True, "msg": str(refusal)}

    def _execute_module(
        self,
        module_name: str | None = None,
        module_args: dict[str, Any] | None = None,
        tmp: str | None = None,
        task_vars: dict[str, Any] | None = None,
        **others: Any,
    ) -> dict[str, Any]:
        known = task_vars or {}
        name = module_name or self._task.action
        arguments = dict(self._task.args if module_args is None else module_args)
        printed = None
        if not any(others.values()):
            if self._stays_here(known):
                printed = self._printed_here(name, arguments, known)
            elif self._shares_connection(known):
                printed = self._printed_there(name, arguments, known)
        if printed is None:
            return dict(super()._execute_module(module_name, module_args, tmp, known, **others))
        answer = dict(self._parse_returned_data({"stdout": printed, "stderr": ""}, _PROFILE))
        remove_internal_keys(answer)
        return answer

    def _stays_here(self, task_vars: dict[str, Any]) -> bool:
        return (
            self._is_plain()
            and self._connection.transport == "local"
            and self._connection.become is None
            and self._python(task_vars) == sys.executable
        )

    def _shares_connection(self, task_vars: dict[str, Any]) -> bool:
        return (
            self._is_plain()
            and self._connection.transport == "ssh"
            and self._python(task_vars).startswith("/")
            and not self._asks_password()
            # Who wants to see the modules' files on the host gets them.
            and not C.DEFAULT_KEEP_REMOTE_FILES
        )

    def _is_plain(self) -> bool:
        return get_module_encoder is not None and not self._task.async_val and not any(self._task.environment or [])

    def _printed_here(self, name: str, arguments: dict[str, Any], task_vars: dict[str, Any]) -> str:
        self._update_module_args(name, arguments, task_vars)
        # Ansible starts the modules of this machine in that folder.
        with contextlib.chdir(self._loader.get_basedir()):
            return _printed_by(self._importable(name), arguments)

    def _printed_there(self, name: str, arguments: dict[str, Any], task_vars: dict[str, Any]) -> str | None:
        progress = str(arguments.get("progress") or "")
        if progress:
            arguments["progress"] = ON_STDERR
        self._update_module_args(name, arguments, task_vars)
        way = Way(self._ssh_command(self._python(task_vars)), Path(C.DEFAULT_LOCAL_TMP), os.getppid())
        try:
            return way.call(self._importable(name), _written(arguments), _PROFILE, progress)
        except NotPossible:
            arguments.pop("progress", None)
            return None
        except ConnectionLost as lost:
            raise AnsibleConnectionFailure(f"{lost} - what was begun goes on to its end on the host") from lost

    def _importable(self, name: str) -> str:
        place = self._shared_loader_obj.module_loader.find_plugin_with_context(name, collection_list=self._task.collections)
        return str(place.plugin_resolved_name)

    def _ssh_command(self, python: str) -> list[str | bytes]:
        """As the connection itself begins a command, with all that is said of it anywhere."""
        connection = self._connection
        command = f"{python} -c {shlex.quote(BOOTSTRAP)}"
        become, user = connection.become, connection.get_option("remote_user") or self._play_context.remote_user
        if become is not None and (C.BECOME_ALLOW_SAME_USER or become.get_option("become_user") != user):
            command = become.build_become_command(command, connection._shell)
        connection.host = connection.get_option("host") or self._play_context.remote_addr
        return list(connection._build_command(connection.get_option("ssh_executable"), "ssh", connection.host, command))

    def _asks_password(self) -> bool:
        become = self._connection.become
        asked = [self._connection.get_option("password"), self._play_context.password]
        return any([*asked, become and become.get_option("become_pass")])

    def _python(self, task_vars: dict[str, Any]) -> str:
        delegate = self._task.delegate_to
        known = task_vars["ansible_delegated_vars"][delegate] if delegate else task_vars
        return str(self._templar.template(known.get("ansible_python_interpreter")) or "")


def told(answer: dict[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
    """Replaces the commands in a module's answer by those that work where the user is."""
    return dict(this_caller(task_vars).told_all(answer))


def _written(arguments: dict[str, Any]) -> str:
    return json.dumps({"ANSIBLE_MODULE_ARGS": arguments}, cls=get_module_encoder(_PROFILE, Direction.CONTROLLER_TO_MODULE))


def _printed_by(module: str, arguments: dict[str, Any]) -> str:
    """What the module prints: its answer. An exception that it does not catch is told by Ansible, as that of any action."""
    basic._ANSIBLE_ARGS = _written(arguments).encode()
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
