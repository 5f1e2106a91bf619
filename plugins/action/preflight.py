# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Action of module preflight: what only the controller sees, and a line where the host cannot even run a module."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible.release import __version__ as core_version

from ansible_collections.echobase.platform.plugins.action.run_module import ActionModule as RunModule
from ansible_collections.echobase.platform.plugins.action.run_module import told
from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.environment.database_places import DEFAULT_ENGINE
from ansible_collections.echobase.platform.plugins.module_utils.environment.external_database import VARIABLE
from ansible_collections.echobase.platform.plugins.module_utils.environment.external_wishes import OF_OUR_OWN, OWN, external_problems
from ansible_collections.echobase.platform.plugins.module_utils.host.managed_python import (
    ASK_VERSION,
    OLDEST_PYTHON,
    lowest_versions,
    version_said,
)
from ansible_collections.echobase.platform.plugins.module_utils.preflight import checks
from ansible_collections.echobase.platform.plugins.module_utils.preflight.problem import NEEDED, Problem
from ansible_collections.echobase.platform.plugins.plugin_utils.hosts_files import is_the_controller

# The one environment in which a service may speak without TLS: a developer's machine.
_WITHOUT_TLS = "devlocal"
_COLLECTION = Path(__file__).parents[2]
_REQUIREMENTS = _COLLECTION / "roles/managed_python/files/requirements.in"


class ActionModule(RunModule):
    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = ActionBase.run(self, tmp, task_vars)
        known = task_vars or {}
        arguments = self._task.args
        purpose = str(arguments.get("purpose") or "change")
        seen = [
            *ansible_version(core_version),
            *files(arguments.get("files") or {}),
            *schedule(str(arguments.get("backup_schedule") or ""), is_the_controller(self)),
            *self._database(known),
            *together(arguments, bool(boolean(self._said(known, "app_stack_plain_ports", False)))),
        ]
        needed = NEEDED.get(purpose, ())
        lines = [str(problem) for problem in seen if problem.check in needed]
        packages = lowest_versions(_REQUIREMENTS.read_text(encoding="utf-8"))
        asked = time.time()
        answer = self._answer({**arguments, "packages": packages}, known)
        if "problems" not in answer:
            # Arguments that are wrong, and whatever else Ansible says itself.
            return told(answer, known)
        lines += answer["problems"]
        if "clock" in needed and "now" in answer:
            lines += map(str, checks.clock(skew(answer["now"], asked, time.time())))
        result |= {"changed": False, "problems": lines, **({"unreachable": True} if answer.get("unreachable") else {})}
        if purpose == "look" and "now" in answer:
            # Who wants to see a sick host is told what it is sick of, and sees the rest.
            result["warnings"] = [*answer.get("warnings", []), *lines]
        elif answer.get("unreachable"):
            result["msg"] = "\n".join(lines)
        elif lines:
            result |= {"failed": True, "msg": "\n".join(lines)}
        return told(result, known)

    def _database(self, task_vars: dict[str, Any]) -> list[Problem]:
        """What does not go together with a database that somebody else runs."""

        whose = str(self._said(task_vars, "echobase_database", OWN))
        if whose == OWN:
            return []
        external = self._said(task_vars, VARIABLE, None) or {}
        others = {name: self._said(task_vars, name, None) for name in OF_OUR_OWN}
        found = external_problems(whose, external, str(self._said(task_vars, "echobase_engine", DEFAULT_ENGINE)), others)
        return [Problem("database", problem.cause, problem.remedy) for problem in found]

    def _said(self, task_vars: dict[str, Any], name: str, otherwise: object) -> Any:
        """What the inventory says."""
        return self._templar.template(task_vars[name]) if name in task_vars else otherwise

    def _answer(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """The module's answer; where it cannot start, the line that says why."""
        try:
            answer = dict(self._execute_module(module_args=arguments, task_vars=task_vars))
        except AnsibleConnectionFailure as error:
            return {"unreachable": True, "problems": [str(unreachable(str(self._connection._play_context.remote_addr), str(error)))]}
        except AnsibleError as error:
            answer = {"failed": True, "msg": str(error)}
        if not answer.get("failed") or "problems" in answer:
            return answer
        said = " ".join(str(answer.get(key, "")) for key in ("msg", "module_stderr", "module_stdout", "exception"))
        problem = cannot_become(said) or self._interpreter_problem(str(arguments["managed"]), task_vars)
        return {"problems": [str(problem)]} if problem else answer

    def _interpreter_problem(self, managed: str, task_vars: dict[str, Any]) -> Problem | None:
        """What is wrong with the interpreter, asked by the shell; None where nothing is."""
        interpreter = str(self._said(task_vars, "ansible_python_interpreter", "") or "")
        if not interpreter.startswith("/"):
            return None
        question = f"{shlex.quote(interpreter)} -c {shlex.quote(ASK_VERSION)}"
        said = self._low_level_execute_command(question, sudoable=False)
        version = version_said(said["stdout"])
        if version >= OLDEST_PYTHON:
            return None
        what = f"{interpreter} is Python {'.'.join(map(str, version))}" if version else f"there is no Python at {interpreter}"
        if interpreter == managed:
            return Problem("python", what, f"run {playbook('setup_durable')}, which makes it")
        oldest = ".".join(map(str, OLDEST_PYTHON))
        return Problem("python", what, f"install Python {oldest} or newer, or set ansible_python_interpreter to {managed}")


def ansible_version(found: str) -> list[Problem]:
    """By what meta/runtime.yml requires."""
    required = str(yaml.safe_load((_COLLECTION / "meta/runtime.yml").read_text(encoding="utf-8"))["requires_ansible"])
    lowest = re.search(r">=\s*([\d.]+)", required)
    if lowest is None or _numbers(found) >= _numbers(lowest[1]):
        return []
    return [Problem("versions", f"this is ansible-core {found}, and {required} is required", "install another one on the controller")]


def files(named: Mapping[str, Any]) -> list[Problem]:
    problems = []
    for variable, file in named.items():
        if not file:
            continue
        try:
            with Path(str(file)).expanduser().open("rb"):
                pass
        except OSError as error:
            cause = f"{variable} is {file}, which cannot be read on the controller ({error.strerror})"
            problems.append(Problem("files", cause, "correct the path"))
    return problems


def schedule(given: str, is_local: bool) -> list[Problem]:
    if not given or is_local:
        return []
    return [
        Problem(
            "schedule",
            "durable_db_backup_schedule would start this controller's playbook on the host, which does not have it",
            f"leave it out, and have AWX or a timer of the controller run {playbook('backup')}",
        )
    ]


def together(arguments: Mapping[str, Any], plain_ports: bool) -> list[Problem]:
    """What of the inventory does not go together."""
    named = {name: bool(file) for name, file in (arguments.get("files") or {}).items()}
    certificate, key = (named.get(name, False) for name in ("tls_certificate_file", "tls_key_file"))
    problems = []
    if certificate != key:
        there, missing = ("tls_certificate_file", "tls_key_file") if certificate else ("tls_key_file", "tls_certificate_file")
        problems.append(Problem("together", f"{there} is set without {missing}", "name both, or neither"))
    if certificate and not arguments.get("public_names"):
        cause = "tls_certificate_file is set, and no name that it is for"
        problems.append(Problem("together", cause, "set echobase_public_names to the names of that certificate"))
    environment = arguments.get("environment")
    if plain_ports and environment != _WITHOUT_TLS:
        cause = f"app_stack_plain_ports is for {_WITHOUT_TLS} only, and this is {environment}"
        problems.append(Problem("together", cause, "leave it out of the inventory"))
    return problems


def unreachable(address: str, said: str) -> Problem:
    words = [line.strip() for line in said.splitlines() if line.strip()]
    reason = words[-1].rpartition("reached over ssh: ")[2] if words else "no answer"
    remedy = "see that ansible_host, ansible_port, ansible_user and the key in the inventory let ssh in without a question"
    return Problem("connection", f"{address} cannot be reached: {reason}", remedy)


def cannot_become(said: str) -> Problem | None:
    if not re.search(r"password is required|Missing \w+ password|not in the sudoers|Incorrect \w+ password|not allowed to execute", said):
        return None
    return Problem("root", "the user of the connection cannot become root", "allow it sudo without a password, or add --ask-become-pass")


def skew(host: float, before: float, after: float) -> float:
    """How much later it is on the host, which was asked between two moments of the controller."""
    return host - after if host > after else min(0.0, host - before)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:2])
