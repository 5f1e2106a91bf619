"""Runs a module of the collection as Ansible does on the machine itself: a process of its own, its arguments on its standard input.

What Ansible adds, a process that packs the module's code, every playbook of the tests shows; here it would cost more than the module.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[2]


class RunningModule:
    """A module started in a process of its own; `answer` waits for its end."""

    def __init__(self, name: str, args: dict[str, Any], check: bool = False, diff: bool = True) -> None:
        self.name = name
        self.process = subprocess.Popen(
            [sys.executable, "-m", f"ansible_collections.echobase.platform.plugins.modules.{name}"],
            cwd=CHECKOUT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdin
        self.process.stdin.write(json.dumps({"ANSIBLE_MODULE_ARGS": args | {"_ansible_check_mode": check, "_ansible_diff": diff}}))
        self.process.stdin.close()
        self.process.stdin = None

    def answer(self) -> dict[str, Any]:
        stdout, stderr = self.process.communicate()
        try:
            answer = dict(json.loads(stdout))
        except ValueError as error:
            raise AssertionError(f"module {self.name} gave no answer:\n{stdout}\n{stderr}") from error
        # To Ansible a module tells more of a warning than its words.
        if "warnings" in answer:
            answer["warnings"] = [warning["event"]["msg"] for warning in answer["warnings"]]
        return answer


def run_module(name: str, args: dict[str, Any], check: bool = False, diff: bool = True) -> dict[str, Any]:
    """The module's whole answer; a refusal has `failed` and `msg`."""
    return RunningModule(name, args, check, diff).answer()
