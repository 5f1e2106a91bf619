"""A role by itself, run on this machine as a playbook runs it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.module_runner import CHECKOUT

_RECAP = re.compile(r"ok=(\d+)\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)")


@dataclass(frozen=True)
class RoleRun:
    changed: int
    failed: int
    output: str


def run_roles(playbook: Path, roles: Sequence[str], variables: Mapping[str, object], *arguments: str) -> RoleRun:
    """`playbook` is where the playbook of these roles is written."""
    playbook.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "roles": list(roles)}]))
    process = start_playbook(playbook, variables, *arguments)
    output, _ = process.communicate()
    return role_run(output)


def start_playbook(playbook: Path, variables: Mapping[str, object], *arguments: str, own_session: bool = False) -> subprocess.Popen[str]:
    """In a session of its own it can be killed with all that it started."""
    command = [sys.executable, "-m", "ansible", "playbook", "-i", "localhost,", "-c", "local", str(playbook), *arguments]
    return subprocess.Popen(
        [*command, "-e", json.dumps(variables)],
        cwd=CHECKOUT,
        env=os.environ | {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=own_session,
    )


def role_run(output: str) -> RoleRun:
    recap = _RECAP.search(output)
    assert recap, output
    return RoleRun(int(recap[2]), int(recap[4]), output)
