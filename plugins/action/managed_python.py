# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Action of module managed_python: a host that has no Python yet gets its distribution's, and wheels of the controller are sent."""

from __future__ import annotations

import shlex
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.echobase.platform.plugins.action.run_module import ActionModule as RunModule
from ansible_collections.echobase.platform.plugins.action.run_module import told
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.host.managed_python import ASK_VERSION, OLDEST_PYTHON, version_said

_ASK = f"{ASK_VERSION}; import ensurepip, venv; print('whole')"
_PACKAGES = "python3 python3-venv"
_INSTALL = (
    "command -v apt-get >/dev/null || {{ echo 'E: there is no apt-get' >&2; exit 1; }}; "
    "export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8; "
    "get() {{ apt-get -q -o DPkg::Lock::Timeout=120 install -y --no-install-recommends {packages}; }}; "
    "get >/dev/null 2>&1 || {{ apt-get -q update >/dev/null; get >/dev/null; }}"
)


class ActionModule(RunModule):
    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = ActionBase.run(self, tmp, task_vars)
        known = task_vars or {}
        base = str(self._task.args.get("base") or "/usr/bin/python3")
        try:
            if not self._base_is_whole(base):
                if self._task.check_mode:
                    return result | {"changed": True, "diff": {"before": "", "after": f"{_PACKAGES}\n"}}
                self._install(base)
            result.update(self._made(known | {"ansible_python_interpreter": base}))
        except Refusal as refusal:
            result.update(failed=True, msg=str(refusal), cause=refusal.cause, remedy=refusal.remedy)
        return told(result, known)

    def _base_is_whole(self, base: str) -> bool:
        """Whether Python is there and can make an environment; refuses one that is too old for that."""
        answer = self._low_level_execute_command(f"{shlex.quote(base)} -c {shlex.quote(_ASK)}")
        found = version_said(answer["stdout"])
        if found and found < OLDEST_PYTHON:
            raise Refusal(
                f"{base} on this host is Python {'.'.join(map(str, found))}, and {'.'.join(map(str, OLDEST_PYTHON))} is needed",
                "use Debian 12, Debian 13 or Ubuntu 24.04, or name a newer one in managed_python_base",
            )
        return bool(found) and "whole" in answer["stdout"].split()

    def _install(self, base: str) -> None:
        answer = self._low_level_execute_command(_INSTALL.format(packages=_PACKAGES))
        if answer["rc"]:
            said = answer["stderr"].splitlines()
            complaint = next((line for line in said if line.startswith("E:")), said[-1] if said else "apt-get failed")
            raise Refusal(
                f"{base} is missing or has no module venv, and {_PACKAGES} cannot be installed: {complaint}",
                "see that this host's package sources answer and that Ansible may become root there, or install them yourself",
            )
        if not self._base_is_whole(base):
            raise Refusal(f"{base} cannot make a virtual environment", "name the Python of the distribution in managed_python_base")

    def _made(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        wheels = str(self._task.args.get("wheels") or "")
        arguments = {**self._task.args, "wheels": ""}
        if not wheels or self._task.check_mode:
            return dict(self._execute_module(module_args=arguments, task_vars=task_vars))
        # They are sent only where something has to be installed.
        self._task.check_mode = True
        seen = dict(self._execute_module(module_args=arguments, task_vars=task_vars))
        self._task.check_mode = False
        if seen.get("failed") or not seen.get("changed"):
            return seen
        sent = self._sent(Path(wheels))
        try:
            return dict(self._execute_module(module_args={**arguments, "wheels": sent}, task_vars=task_vars))
        finally:
            self._remove_tmp_path(self._connection._shell.tmpdir)

    def _sent(self, wheels: Path) -> str:
        """Sends the wheels, and gives their folder on the host."""
        files = sorted(wheels.glob("*.whl"))
        if not files:
            raise Refusal(f"managed_python_wheels is {wheels}, where there is no wheel on the controller", "fill it, or leave that out")
        folder = self._make_tmp_path()
        with tempfile.NamedTemporaryFile(suffix=".tar") as bundle:
            with tarfile.open(bundle.name, "w") as tar:
                for file in files:
                    tar.add(file, file.name)
            remote = self._connection._shell.join_path(folder, "wheels.tar")
            self._transfer_file(bundle.name, remote)
        self._fixup_perms2((folder, remote))
        answer = self._low_level_execute_command(f"tar -xf {shlex.quote(remote)} -C {shlex.quote(folder)}")
        if answer["rc"]:
            raise Refusal(f"the wheels cannot be unpacked on this host: {answer['stderr'].strip()}", "make room there, then run this again")
        return str(folder)
