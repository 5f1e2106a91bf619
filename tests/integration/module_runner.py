"""Runs a module of the collection the way its users do: by Ansible, on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[2]


class RunningModule:
    """A module started in a process of its own; `answer` waits for its end."""

    def __init__(self, name: str, args: dict[str, Any], check: bool = False, diff: bool = True) -> None:
        command = [
            sys.executable, "-m", "ansible", "adhoc", "localhost", "-i", "localhost,", "-c", "local",
            "-e", f"ansible_python_interpreter={sys.executable}", "-m", f"echobase.platform.{name}", "-a", json.dumps(args),
        ]  # fmt: skip
        self.name = name
        self.process = subprocess.Popen(
            command + ["--check"] * check + ["--diff"] * diff,
            cwd=CHECKOUT,
            env=os.environ | {"ANSIBLE_LOAD_CALLBACK_PLUGINS": "1", "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def answer(self) -> dict[str, Any]:
        stdout, stderr = self.process.communicate()
        # Warnings may come before the document.
        document = stdout[stdout.find("{") :]
        try:
            hosts = json.loads(document)["plays"][0]["tasks"][0]["hosts"]
        except (ValueError, LookupError) as error:
            raise AssertionError(f"module {self.name} gave no answer:\n{stdout}\n{stderr}") from error
        return dict(hosts["localhost"])


def run_module(name: str, args: dict[str, Any], check: bool = False, diff: bool = True) -> dict[str, Any]:
    """The module's whole answer; a refusal has `failed` and `msg`."""
    return RunningModule(name, args, check, diff).answer()
