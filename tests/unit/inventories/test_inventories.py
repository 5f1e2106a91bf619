"""The inventories say what Ansible understands of them, and become follows from the connection."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

CHECKOUT = Path(__file__).resolve().parents[3]
ASK = {
    "become": "{{ ansible_become | bool }}",
    "environment": "{{ lookup('echobase.platform.environment').public_url }}",
    "python": "{{ ansible_python_interpreter }}",
}
BECOMES_ROOT = os.geteuid() != 0


def said(inventory: str | Path, *arguments: str) -> dict[str, Any]:
    """What each host's variables come to, by host."""
    play = [{"hosts": "all", "gather_facts": False, "tasks": [{"ansible.builtin.debug": {"msg": ASK}}]}]
    done = subprocess.run(
        [sys.executable, "-m", "ansible", "playbook", "-i", str(inventory), "/dev/stdin", *arguments],
        cwd=CHECKOUT,
        env=os.environ | {"ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"), "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json"},
        input=json.dumps(play),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    hosts = json.loads(done.stdout[done.stdout.index("{") :])["plays"][0]["tasks"][0]["hosts"]
    return {name: answer["msg"] for name, answer in hosts.items()}


def test_the_example_is_an_environment_on_another_machine() -> None:
    assert said("inventories/example") == {
        "shop": {"become": True, "environment": "https://shop.example.com", "python": "/opt/echobase/python/bin/python"}
    }
    assert said("inventories/example", "-e", "ansible_user=root")["shop"]["become"] is False


@pytest.mark.parametrize(
    ("inventory", "host"), [("inventories/devlocal", "devlocal"), ("inventories/ci", "ci"), ("tests/inventory", "test")]
)
def test_on_this_machine_become_is_for_whoever_is_not_root_and_elsewhere_for_another_login(inventory: str, host: str) -> None:
    assert said(inventory)[host]["become"] is BECOMES_ROOT
    elsewhere = ["-e", "ansible_connection=ssh"]
    assert said(inventory, *elsewhere)[host]["become"] is False
    assert said(inventory, *elsewhere, "-e", "ansible_user=deploy")[host]["become"] is True


def test_an_inventory_that_is_a_program_is_read_as_awx_hands_one_to_its_jobs(tmp_path: Path) -> None:
    known = {"echobase_env": "devlocal", "ansible_become": False, "ansible_python_interpreter": "/x", "ansible_connection": "local"}
    answer = {"echobase": {"hosts": ["awx"]}, "_meta": {"hostvars": {"awx": known}}}
    program = tmp_path / "hosts"
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{json.dumps(answer)}\nEND\n")
    program.chmod(0o755)
    assert said(program) == {"awx": {"become": False, "environment": "https://localhost", "python": "/x"}}
